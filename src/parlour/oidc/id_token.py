"""The claims of an ID token, once it is known to be for us, of now, and signed by its issuer.

The rules are those of OpenID Connect Core 1.0 §3.1.3.7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from parlour.oidc.flow import IdToken

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Those of a pair of keys. Never `none`, nor HS256, for which the public key of a provider would be the secret."""

KEY_TYPES = frozenset({"RSA", "EC", "OKP"})
"""Kinds of public keys. Others in a key set are passed over: a secret one there is known to everybody."""

SKEW_S = 60
"""How wrong the clock of a provider may be."""

MAX_AGE_S = 600
"""An ID token is used as soon as it is made."""

MAX_SUBJECT_CHARS = 255
"""OpenID Connect Core 1.0 §2."""


class BadToken(Exception):
    """An ID token that does not count; the text says why, for the log, and nothing of what is in it."""


class UnknownKey(BadToken):
    """It says that it is signed with a key that is not in the key set: that may have changed."""


def key_set(document: object) -> KeySet:
    """The public keys of a provider, of those that are for signatures (RFC 7517). Raises BadToken."""
    found = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise BadToken("its keys are no key set")
    keys = []
    for each in found:
        if isinstance(each, dict) and each.get("kty") in KEY_TYPES and each.get("use", "sig") == "sig":
            try:
                keys += KeySet.import_key_set({"keys": [each]}).keys
            except (JoseError, ValueError, TypeError, KeyError):
                continue  # one of a kind that is not known here
    return KeySet(keys)


def read_id_token(
    text: object, keys: KeySet, *, issuer: str, client_id: str, nonce: str, now_s: float, fresh_since_s: float | None
) -> IdToken:
    """Read an ID token. With `fresh_since_s` it has to say that its person was asked since then.

    Raises BadToken, UnknownKey.
    """
    if not isinstance(text, str) or len(text) > 32_768:
        raise BadToken("there is none")
    try:
        token = jwt.decode(text, keys, algorithms=list(ALGORITHMS))
    except (JoseError, ValueError) as error:
        raise (UnknownKey if _is_about_a_key(error) else BadToken)(type(error).__name__) from error
    claims = token.claims
    if claims.get("iss") != issuer:
        raise BadToken("it is of another issuer")
    audience = claims.get("aud")
    audiences: Sequence[object] = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise BadToken("it is for somebody else")
    if claims.get("azp", client_id) != client_id or (len(audiences) > 1 and "azp" not in claims):
        raise BadToken("it was given to somebody else")
    _require_now(claims, now_s)
    found = claims.get("nonce")
    if not isinstance(found, str) or not compare_digest(found.encode(), nonce.encode()):
        raise BadToken("it was not asked for from here")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= MAX_SUBJECT_CHARS or "\0" in subject:
        raise BadToken("it names nobody")
    auth_time = _time(claims, "auth_time")
    if fresh_since_s is not None and (auth_time is None or auth_time + SKEW_S < fresh_since_s):
        raise BadToken("its person was not asked again")
    return IdToken(subject, auth_time, claims)


def _require_now(claims: Mapping[str, Any], now_s: float) -> None:
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    if expires is None or expires + SKEW_S <= now_s:
        raise BadToken("it is over")
    if issued is None or not now_s - MAX_AGE_S - SKEW_S <= issued <= now_s + SKEW_S:
        raise BadToken("it is not of now")
    if (_time(claims, "nbf") or 0) > now_s + SKEW_S:
        raise BadToken("it is not valid yet")


def _time(claims: Mapping[str, Any], name: str) -> int | None:
    value = claims.get(name)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12 else None


def _is_about_a_key(error: Exception) -> bool:
    return "key" in type(error).__name__.lower() or "key" in str(error).lower() or "kid" in str(error).lower()
