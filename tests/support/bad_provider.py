"""A sign-in provider that says whatever a test wants it to, on a port of 127.0.0.1."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

Answer = tuple[int, dict[str, str], bytes]


def part(value: object) -> str:
    """One part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@cache
def _key() -> RSAKey:
    """The first key of every provider: one takes a tenth of a second to make."""
    return RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


class BadProvider:
    """Says what it is by `metadata`, signs `claims` with `key` under `kid`, or answers as `answers` says for a path.

    `token` makes an ID token of its own of the claims. `asked` are the paths that were asked for; `forms` what came
    to the token endpoint, `pairs` with which id and secret.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.reset()

    def reset(self) -> None:
        """Behave as a provider should, and forget what was asked."""
        url = self.url
        self.key = _key()
        self.metadata: dict[str, Any] = {
            "issuer": url,
            "authorization_endpoint": f"{url}/authorize",
            "token_endpoint": f"{url}/token",
            "jwks_uri": f"{url}/keys",
            "userinfo_endpoint": f"{url}/userinfo",
            "authorization_response_iss_parameter_supported": True,
        }
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {"sub": "s-1", "email": "ada@example.org", "email_verified": True}
        self.token: Callable[[dict[str, Any]], str] = self.signed
        self.keys: list[dict[str, Any]] | None = None
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.forms: list[dict[str, list[str]]] = []
        self.pairs: list[str] = []

    def right_claims(self, nonce: str) -> dict[str, Any]:
        """What an ID token has to say."""
        now = int(time.time())
        return {"iss": self.url, "sub": "s-1", "aud": "parlour", "exp": now + 300, "iat": now, "nonce": nonce}

    def signed(self, claims: dict[str, Any]) -> str:
        """An ID token as it should be."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def unsigned(self, claims: dict[str, Any]) -> str:
        """One with the algorithm `none`."""
        return f"{part({'alg': 'none', 'kid': self.key.kid})}.{part(claims)}."

    def with_the_public_key_as_secret(self, claims: dict[str, Any]) -> str:
        """One with an HMAC whose secret is the public key, which everybody has."""
        secret = OctKey.import_key(self.key.as_pem(private=False))
        return jwt.encode({"alg": "HS256", "kid": self.key.kid}, claims, secret, algorithms=["HS256"])

    def by_a_stranger(self, claims: dict[str, Any]) -> str:
        """One with the key of somebody else under the same `kid`."""
        other = RSAKey.generate_key(2048)
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, other)

    def with_a_key_inside(self, claims: dict[str, Any]) -> str:
        """One that brings its own key."""
        other = RSAKey.generate_key(2048)
        header = {"alg": "RS256", "kid": self.key.kid, "jwk": other.as_dict(private=False)}
        return jwt.encode(header, claims, other)

    def answer(self, path: str, body: bytes) -> Answer:
        """The answer to a request."""
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        found: object = {}
        if path == "/.well-known/openid-configuration":
            found = self.metadata
        elif path == "/keys":
            found = {"keys": [self.key.as_dict(private=False)] if self.keys is None else self.keys}
        elif path == "/userinfo":
            found = self.userinfo
        elif path == "/token":
            self.forms.append(parse_qs(body.decode()))
            found = {"access_token": "a", "token_type": "Bearer", "id_token": self.token(self.claims)}
        return 200, {"Content-Type": "application/json"}, json.dumps(found).encode()


@contextmanager
def bad_provider() -> Iterator[BadProvider]:
    """Run one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if (pair := self.headers.get("Authorization", "")).startswith("Basic "):
                provider.pairs.append(base64.b64decode(pair[6:]).decode())
            status, fields, answer = provider.answer(self.path, body)
            self.send_response(status)
            for name, value in {**fields, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = BadProvider(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
