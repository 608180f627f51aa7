"""Canaille, an OpenID provider, on a free port of 127.0.0.1: prints its issuer, and runs until it is ended.

Arguments: a client with a secret, its secret, a client without one, and where both send browsers back to. Whoever signs
in as one of PEOPLE has NAME@example.org there; of whether anybody has verified that Canaille says nothing. Tokens are
signed by an elliptic curve (ES256), for which its client has to ask.
"""

from __future__ import annotations

import socket
import sys

import canaille
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import ECKey, RSAKey
from werkzeug.serving import WSGIRequestHandler, make_server

PEOPLE = ("ada", "bea", "cleo", "dora", "eve")


class Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        """Say nothing of requests: nobody reads it."""


def main(client: str, secret: str, public: str, redirect_uri: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    place = f"127.0.0.1:{listener.getsockname()[1]}"
    keys = [ECKey.generate_key("P-256", auto_kid=True), RSAKey.generate_key(2048, auto_kid=True)]
    app = canaille.create_app(
        {
            "SECRET_KEY": "of a test",
            "SERVER_NAME": place,
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE": {"DATABASE": "memory", "SMTP": None},
            "CANAILLE_OIDC": {"TRUSTED_DOMAINS": [], "ACTIVE_JWKS": [key.as_dict(private=True) for key in keys]},
        },
        env_file=None,
    )
    with app.app_context():
        for name in PEOPLE:
            called = {"user_name": name, "formatted_name": name, "family_name": name}
            person = models.User(**called, emails=[f"{name}@example.org"], password="any")  # noqa: S106
            Backend.instance.save(person)
        for id_, its_secret, method in ((client, secret, "client_secret_basic"), (public, None, "none")):
            made = models.Client(
                client_id=id_,
                client_secret=its_secret,
                client_name=id_,
                redirect_uris=[redirect_uri],
                grant_types=["authorization_code"],
                response_types=["code"],
                scope=["openid", "profile", "email"],
                token_endpoint_auth_method=method,
                id_token_signed_response_alg="ES256",  # noqa: S106
            )
            Backend.instance.save(made)
            made.audience = [made]
            Backend.instance.save(made)
    sys.stdout.write(f"http://{place}\n")
    sys.stdout.flush()
    make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet, fd=listener.fileno()).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
