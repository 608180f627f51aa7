"""Django OAuth Toolkit, an OpenID provider, on a free port of 127.0.0.1: prints its issuer, and runs until it is ended.

Arguments: a client with a secret, its secret, a client without one, and where both send browsers back to. Whoever signs
in as NAME of PEOPLE has NAME@example.org there, and it is verified, unless NAME is `cleo`. The issuer has a path, what
`sub` says is a number, and the answer that a browser brings back does not say whose it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import django
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

PEOPLE = ("ada", "bea", "cleo", "dora", "eve")
PAGE = '<form method="post">{% csrf_token %}{{ form.as_p }}<button name="in" value="yes">Sign in</button></form>'

urlpatterns: list[object] = []


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of requests: nobody reads it."""


def _claims() -> type:
    from oauth2_provider.oauth2_validators import OAuth2Validator

    class Claims(OAuth2Validator):  # type: ignore[misc, unused-ignore]
        """What is said of people, in the way that its manual names."""

        def get_additional_claims(self) -> dict[str, Callable[..., object]]:
            return {
                "email": lambda request: request.user.email,
                "email_verified": lambda request: request.user.username != "cleo",
                "name": lambda request: request.user.get_full_name(),
                "preferred_username": lambda request: request.user.username,
            }

    return Claims


def main(client: str, secret: str, public: str, redirect_uri: str) -> None:
    server = WSGIServer(("127.0.0.1", 0), Quiet)
    url = f"http://127.0.0.1:{server.server_port}"
    key = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    loader = ("django.template.loaders.locmem.Loader", {"registration/login.html": PAGE})
    loaders = [loader, "django.template.loaders.app_directories.Loader"]
    auth = "django.contrib.auth"
    settings.configure(
        SECRET_KEY="of a test",  # noqa: S106
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # of a password that everybody knows
        INSTALLED_APPS=[auth, "django.contrib.contenttypes", "django.contrib.sessions", "oauth2_provider"],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            f"{auth}.middleware.AuthenticationMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"loaders": loaders, "context_processors": ["django.template.context_processors.request"]},
            }
        ],
        LOGIN_URL="/login",
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_ISS_ENDPOINT": f"{url}/o",
            "OIDC_RSA_PRIVATE_KEY": key.decode(),
            "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Claims",
            "SCOPES": {"openid": "who you are", "profile": "your name", "email": "your address"},
        },
    )
    django.setup()
    globals()["Claims"] = _claims()
    from django.contrib.auth.models import User
    from django.contrib.auth.views import LoginView
    from oauth2_provider.models import Application

    urlpatterns.extend([path("login", LoginView.as_view()), path("o/", include("oauth2_provider.urls"))])
    call_command("migrate", verbosity=0)
    for name in PEOPLE:
        User.objects.create_user(name, f"{name}@example.org", "any", first_name=name, last_name="of the company")
    for id_, type_ in ((client, "confidential"), (public, "public")):
        Application.objects.create(
            client_id=id_,
            client_secret=secret,
            client_type=type_,
            authorization_grant_type="authorization-code",
            algorithm="RS256",
            redirect_uris=redirect_uri,
        )
    server.set_app(get_wsgi_application())
    sys.stdout.write(f"{url}/o\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":  # Django imports it by this name once more
    main(*sys.argv[1:])
