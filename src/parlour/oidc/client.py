"""Asks a sign-in provider: what it is (discovery), its keys, and who has signed in (the authorization code flow)."""

from __future__ import annotations

import hashlib
import ssl
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import httpx
from joserfc.jwk import KeySet
from msgspec import DecodeError, json

from parlour.core.providers import Provider, is_safe_address
from parlour.oidc.flow import IdToken, ProviderFailed, Started
from parlour.oidc.id_token import SKEW_S, BadToken, UnknownKey, key_set, read_id_token

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 262_144
"""Of one answer: a key set with certificates has some tens of KiB."""

KEPT_S = 3600.0
"""How long what a provider says of itself is believed."""

KEYS_AGAIN_S = 30.0
"""A key that is not known is looked for once in this time, however many tokens say that they have one."""


class Metadata(NamedTuple):
    """The metadata of a provider (OpenID Connect Discovery 1.0 §3)."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None
    says_issuer: bool
    takes_basic: bool


class ProviderClient:
    """One provider. Its methods raise ProviderFailed. Everything is asked of addresses that the issuer itself names."""

    def __init__(
        self, provider: Provider, redirect_uri: str, now_s: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        self.provider = provider
        self._redirect_uri = redirect_uri
        self._now_s = now_s
        self._monotonic = monotonic
        self._http: httpx.AsyncClient | None = None
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def address(self, started: Started, *, asks_again: bool) -> str:
        """Where the browser goes to sign in; with `asks_again` the provider asks who it is also if it knows."""
        metadata = await self._found()
        challenge = urlsafe_b64encode(hashlib.sha256(started.verifier.encode()).digest()).rstrip(b"=").decode()
        values = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid email profile",
            "state": started.state,
            "nonce": started.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if asks_again:
            # With max_age=0 a provider may ask for ever: the answer to its question is older than that at once.
            values |= {"prompt": "login", "max_age": str(SKEW_S)}
        return f"{metadata.authorization}{'&' if '?' in metadata.authorization else '?'}{urlencode(values)}"

    async def require_issuer(self, issuer: str | None) -> None:
        """Refuse an answer that another provider has sent the browser with (mix-up, RFC 9207 §2.4)."""
        metadata = await self._found()
        if issuer != self.provider.issuer and (issuer is not None or metadata.says_issuer):
            raise ProviderFailed("the answer is of another issuer")

    async def finish(self, started: Started, code: str, fresh_since_s: float | None) -> IdToken:
        """Finish a sign-in: the person who has signed in, with what else the provider says of them."""
        metadata = await self._found()
        answer = await self._exchange(metadata, started, code)
        token = await self._token(metadata, answer.get("id_token"), started.nonce, fresh_since_s)
        access = answer.get("access_token")
        if "email" not in token.claims and metadata.userinfo is not None and isinstance(access, str):
            more = await self._ask("GET", metadata.userinfo, {"Authorization": f"Bearer {access}"})
            if more.get("sub") != token.subject:  # OpenID Connect Core 1.0 §5.3.2
                raise ProviderFailed("what it says of somebody is of somebody else")
            token = token._replace(claims={**more, **token.claims})
        return token

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()

    async def _exchange(self, metadata: Metadata, started: Started, code: str) -> Mapping[str, Any]:
        provider = self.provider
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": started.verifier,
        }
        fields = {"Content-Type": "application/x-www-form-urlencoded"}
        if provider.client_secret is not None and metadata.takes_basic:
            # RFC 6749 §2.3.1, with %20 for a space: a form has + as well, which some providers leave as it is.
            pair = f"{quote(provider.client_id, safe='')}:{quote(provider.client_secret, safe='')}"
            fields["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = provider.client_id
            if provider.client_secret is not None:
                form["client_secret"] = provider.client_secret
        return await self._ask("POST", metadata.token, fields, urlencode(form).encode())

    async def _token(self, metadata: Metadata, text: object, nonce: str, fresh_since_s: float | None) -> IdToken:
        """Read the ID token; a key that is not known is looked for once again, for keys change."""
        for is_again in (False, True):
            keys = await self._key_set(metadata, is_again)
            try:
                return read_id_token(
                    text,
                    keys,
                    issuer=self.provider.issuer,
                    client_id=self.provider.client_id,
                    nonce=nonce,
                    now_s=self._now_s(),
                    fresh_since_s=fresh_since_s,
                )
            except UnknownKey as unknown:
                if is_again:
                    raise ProviderFailed(f"the ID token does not count: {unknown}") from unknown
            except BadToken as bad:
                raise ProviderFailed(f"the ID token does not count: {bad}") from bad
        raise AssertionError

    async def _key_set(self, metadata: Metadata, is_again: bool) -> KeySet:
        now, kept = self._monotonic(), self._keys
        if kept is None or now - kept[0] > (KEYS_AGAIN_S if is_again else KEPT_S):
            try:
                kept = self._keys = (now, key_set(await self._ask("GET", metadata.keys)))
            except BadToken as bad:
                raise ProviderFailed(str(bad)) from bad
        return kept[1]

    async def _found(self) -> Metadata:
        """What the provider says of itself."""
        now, kept = self._monotonic(), self._metadata
        if kept is None or now - kept[0] > KEPT_S:
            issuer = self.provider.issuer
            said = await self._ask("GET", f"{issuer.removesuffix('/')}/.well-known/openid-configuration")
            if said.get("issuer") != issuer:
                raise ProviderFailed(f"it calls itself {str(said.get('issuer'))[:200]!r}, not {issuer!r}")
            kept = self._metadata = (now, _metadata(said))
        return kept[1]

    async def _ask(
        self, method: str, address: str, fields: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Mapping[str, Any]:
        """One request, and its answer, a JSON object. No redirect is followed."""
        if self._http is None:
            self._http = httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, verify=_trusted())
        what, answer = f"{method} {address.partition('?')[0]}", b""
        try:
            headers = {"Accept": "application/json", **(fields or {})}
            async with self._http.stream(method, address, headers=headers, content=body) as response:
                async for piece in response.aiter_bytes():
                    answer += piece
                    if len(answer) > MAX_ANSWER_BYTES:
                        raise ProviderFailed(f"{what}: the answer is too large")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderFailed(f"{what}: {type(error).__name__}") from error
        if response.status_code != 200:
            raise ProviderFailed(f"{what}: {response.status_code}")
        try:
            found = json.decode(answer)
        except DecodeError as error:
            raise ProviderFailed(f"{what}: no JSON") from error
        if not isinstance(found, dict):
            raise ProviderFailed(f"{what}: no object")
        return found


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that certificates are checked against: read once for all providers, since it takes 20 ms."""
    return httpx.create_ssl_context()


def _metadata(said: Mapping[str, Any]) -> Metadata:
    places = {}
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
        place = said.get(name)
        if place is None and name == "userinfo_endpoint":
            continue
        if not isinstance(place, str) or not is_safe_address(place):
            raise ProviderFailed(f"its {name} is no safe address")
        places[name] = place
    ways = said.get("token_endpoint_auth_methods_supported")
    return Metadata(
        places["authorization_endpoint"],
        places["token_endpoint"],
        places["jwks_uri"],
        places.get("userinfo_endpoint"),
        said.get("authorization_response_iss_parameter_supported") is True,
        not isinstance(ways, list) or "client_secret_basic" in ways or "client_secret_post" not in ways,
    )
