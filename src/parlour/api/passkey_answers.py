"""The answer of a browser about a passkey, read from JSON or from a field of a form."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from binascii import Error
from typing import TypeVar

import msgspec

from parlour.core.errors import Refusal
from parlour.core.passkeys import Assertion, Attestation
from parlour.schema.people import AssertionBody, AttestationBody

B = TypeVar("B", AssertionBody, AttestationBody)

_UNREADABLE = "What the browser has sent is no passkey."


def assertion(body: AssertionBody) -> Assertion:
    """A passkey that was shown. Raises Refusal("bad_passkey") for what is no base64url."""
    answer = body.response
    user = None if answer.user_handle is None else _bytes(answer.user_handle)
    return Assertion(
        body.id, _bytes(answer.client_data), _bytes(answer.authenticator_data), _bytes(answer.signature), user
    )


def attestation(body: AttestationBody) -> Attestation:
    """A new passkey. Raises Refusal("bad_passkey") for what is no base64url."""
    return Attestation(body.id, _bytes(body.response.client_data), _bytes(body.response.attestation))


def of_form(text: str, type_: type[B]) -> B:
    """The same in a field of a form, as the script of a page has put it there. Raises Refusal("bad_passkey")."""
    try:
        return msgspec.json.decode(text, type=type_)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refusal("bad_passkey", _UNREADABLE) from None


def _bytes(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (Error, UnicodeEncodeError):
        raise Refusal("bad_passkey", _UNREADABLE) from None
