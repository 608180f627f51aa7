"""Checks passkeys: each challenge counts once and for one purpose, and a copy of a key is found by its counter."""

from __future__ import annotations

import json
import logging
import sys
from asyncio import to_thread
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from parlour.chat.codes import Proof
from parlour.chat.factor_steps import note_change
from parlour.chat.guests import SYSTEM
from parlour.chat.mails import Mails
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.server_log import append_to_log
from parlour.chat.signed_values import SignedValues
from parlour.chat.tables.passkeys import (
    CHALLENGE,
    END_CHALLENGES_UNTIL,
    PASSKEY,
    USE_CHALLENGE,
    USE_PASSKEY,
    PasskeyRow,
)
from parlour.chat.transactions import Transaction
from parlour.core.errors import Refusal
from parlour.core.passkeys import Assertion, Attestation, Place, Purpose
from parlour.core.payloads import FactorChanged
from parlour.core.secret import digest

CHALLENGE_MS = 300_000
"""How long an answer may take: as long as browsers wait for somebody."""

_REFUSED = "This passkey was not accepted. Try again, or sign in another way."
_UNKNOWN = "Nobody here has this passkey: it was taken away, or is for another server."
_COPY = "This passkey was not accepted: it looks like a copy of another one. Take it away, and set up a new one."

_log = logging.getLogger("parlour")

T = TypeVar("T")


class NewKey(NamedTuple):
    """A passkey that was made just now: its id and COSE key in base64url, and its counter."""

    credential: str
    public_key: str
    counter: int


class Shown(NamedTuple):
    """The account of a passkey that was shown, and the step that uses the challenge up in its transaction."""

    account: str
    proof: Proof


class _Challenge(NamedTuple):
    value: bytes
    hash: str
    account: str


class Passkeys:
    """Makes challenges, and checks what authenticators answer. Nothing is kept of a challenge until it is answered."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, mails: Mails) -> None:
        self._mails = mails
        self._store = store
        self._clock = clock
        self._ids = ids
        self._challenges = SignedValues(store.secret, "challenges of passkeys")

    def challenge(self, purpose: Purpose, account: str = "") -> str:
        """A challenge for one purpose and one account, or for whoever has a passkey; in base64url, as browsers want it.

        It is signed, so any node knows it again.
        """
        until_ms = self._clock.now_ms() + CHALLENGE_MS
        signed = self._challenges.sign(f"{purpose} {account} {self._ids.token()}", until_ms)
        return base64url(signed.encode())

    async def added(self, answer: Attestation, account: str, place: Place) -> tuple[NewKey, Proof]:
        """Check a new passkey of an account. Raises Refusal("bad_passkey")."""
        challenge = self._answered(answer.client_data, "add", account)
        lib = await _library()

        def verify() -> NewKey:
            found = lib.verify_registration_response(
                credential=lib.helpers.structs.RegistrationCredential(
                    id=answer.credential,
                    raw_id=_bytes(answer.credential),
                    response=lib.helpers.structs.AuthenticatorAttestationResponse(
                        client_data_json=answer.client_data, attestation_object=answer.attestation
                    ),
                ),
                expected_challenge=challenge.value,
                expected_rp_id=place.rp,
                expected_origin=place.origin,
            )
            return NewKey(base64url(found.credential_id), base64url(found.credential_public_key), found.sign_count)

        return await _verified(verify), _use_challenge(challenge.hash, self._clock.now_ms())

    async def shown(self, answer: Assertion, purpose: Purpose, account: str, place: Place) -> Shown:
        """Check an answer for a purpose, of an account or (empty) of whoever it is. Raises Refusal("bad_passkey").

        Where it stands for the password its holder must have shown who they are, by a PIN or a finger.
        """
        challenge = self._answered(answer.client_data, purpose, account)
        rows = await self._store.query(PASSKEY(answer.credential))
        if not rows or rows[0].rp != place.rp or (account and rows[0].account != account):
            raise Refusal("bad_passkey", _UNKNOWN)
        row = rows[0]
        if answer.user is not None and answer.user != row.account.encode():
            raise Refusal("bad_passkey", _UNKNOWN)
        lib = await _library()

        def verify() -> int:
            found = lib.verify_authentication_response(
                credential=lib.helpers.structs.AuthenticationCredential(
                    id=answer.credential,
                    raw_id=_bytes(answer.credential),
                    response=lib.helpers.structs.AuthenticatorAssertionResponse(
                        client_data_json=answer.client_data,
                        authenticator_data=answer.authenticator_data,
                        signature=answer.signature,
                        user_handle=answer.user,
                    ),
                ),
                expected_challenge=challenge.value,
                expected_rp_id=place.rp,
                expected_origin=place.origin,
                credential_public_key=_bytes(row.public_key),
                credential_current_sign_count=0,  # compared below: what is no more than a copy is told to its owner
                require_user_verification=purpose != "second_step",
            )
            counter: int = found.new_sign_count
            return counter

        counter, now_ms = await _verified(verify), self._clock.now_ms()
        if await self._store.query(CHALLENGE(challenge.hash)):  # sent twice: no copy
            raise Refusal("bad_passkey", _REFUSED)
        if counter <= row.counter and (counter, row.counter) != (0, 0):
            await self._store.run(self._refused_copy(row.account, now_ms))
            self._mails.on_new()
            raise Refusal("bad_passkey", _COPY)
        return Shown(row.account, _use(row, counter, challenge.hash, now_ms))

    def _refused_copy(self, account: str, now_ms: int) -> Transaction[None]:
        yield append_to_log(SYSTEM, FactorChanged("refused", account, "passkey"))
        yield from note_change(self._mails, account, f"c_{self._ids.token()}", now_ms, "passkey_refused")

    def _answered(self, client_data: bytes, purpose: Purpose, account: str) -> _Challenge:
        """The challenge of an answer. Raises Refusal("bad_passkey") if it is over, for something else, or not ours."""
        try:
            value = _bytes(json.loads(client_data)["challenge"])
            signed = value.decode("ascii")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Refusal("bad_passkey", _REFUSED) from None
        found = (self._challenges.read(signed, self._clock.now_ms()) or "").split(" ")
        if found[:2] != [purpose, account]:
            raise Refusal("bad_passkey", "This took too long: try again.")
        return _Challenge(value, digest(signed), account)


def base64url(data: bytes) -> str:
    """Without padding, as WebAuthn has it everywhere."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Raises ValueError."""
    try:
        return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except Error as error:
        raise ValueError(text) from error


async def _library() -> Any:
    """The library that checks; loaded for those alone who use it: it takes a tenth of a second."""
    if "webauthn" not in sys.modules:
        await to_thread(import_module, "webauthn")
    return sys.modules["webauthn"]


async def _verified(verify: Callable[[], T]) -> T:
    """What a check gives, which may take a while for some kinds of keys. Raises Refusal("bad_passkey")."""
    try:
        return await to_thread(verify)
    except Exception as error:  # what an authenticator says is parsed by three libraries, each with errors of its own
        _log.debug("A passkey is refused: %r", error)
        raise Refusal("bad_passkey", _REFUSED) from None


def _use_challenge(hash_: str, now_ms: int) -> Transaction[None]:
    yield END_CHALLENGES_UNTIL(now_ms)
    used: list[str] = yield USE_CHALLENGE(hash_, now_ms + CHALLENGE_MS)
    if not used:
        raise Refusal("bad_passkey", _REFUSED)


def _use(row: PasskeyRow, counter: int, challenge: str, now_ms: int) -> Transaction[None]:
    yield from _use_challenge(challenge, now_ms)
    used: list[str] = yield USE_PASSKEY(row.id, row.account, counter, now_ms)
    if not used:
        raise Refusal("bad_passkey", _REFUSED)
