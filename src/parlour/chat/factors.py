"""The verbs of second factors: setting up an authenticator app, recovery codes, and taking factors away."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from parlour.chat.codes import Proof
from parlour.chat.factor_steps import count_factors, end_factors, factors_changed, note_change
from parlour.chat.identities import Identities
from parlour.chat.mails import Mails
from parlour.chat.passkeys import Passkeys
from parlour.chat.policies import Policies
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.recheck import require_unchanged
from parlour.chat.server_log import append_to_log, by
from parlour.chat.signed_values import SignedValues
from parlour.chat.tables.factors import (
    ADD_CODE,
    APP_OF,
    CHANGES_OF,
    CODES_OF,
    END_APP,
    END_CODES,
    SET_APP,
    AppRow,
    Change,
)
from parlour.chat.tables.passkeys import ADD_PASSKEY, END_PASSKEY, PASSKEYS_OF, PasskeyRow
from parlour.chat.tables.sign_ins import END_SESSIONS_BUT
from parlour.chat.transactions import T, Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.names import line
from parlour.core.passkeys import Attestation, Place
from parlour.core.payloads import FactorChanged, SignInChanged
from parlour.core.recovery import CODE_BYTES, CODES, canonical, code_digest, recovery_code
from parlour.core.totp import SECRET_BYTES, step_of

SETUP_MS = 900_000
"""How long somebody may take to scan a secret and to type the first code."""

MAX_PASSKEYS = 20
MAX_LABEL_CHARS = 64

_TOO_LATE = "This took too long, or was begun elsewhere: begin again."
_DEMANDED = "This server demands a second factor of you: set up another one before you take this one away."


class AppSetup(NamedTuple):
    """An app that is being set up: its secret, and what gives that back to the server together with the first code."""

    secret: bytes
    setup: str
    until_ms: int


class OwnFactors(NamedTuple):
    """The second factors of an account: app, number of recovery codes, passkeys, and the last changes, newest first."""

    app: AppRow | None
    codes: int
    passkeys: Sequence[PasskeyRow]
    changes: Sequence[Change]


class Factors:
    """Sets up second factors and takes them away. Everything but looking needs a password that was given lately."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        policies: Policies,
        identities: Identities,
        passkeys: Passkeys,
        mails: Mails,
    ) -> None:
        self._mails = mails
        self._passkeys = passkeys
        self._store = store
        self._clock = clock
        self._ids = ids
        self._policies = policies
        self._identities = identities
        self._setups = SignedValues(store.secret, "setting up an app")

    async def of(self, actor: Actor) -> OwnFactors:
        """The second factors of the actor's account. Raises Refusal("login_required"), ("forbidden") for a token."""
        account = self._own(actor).id
        apps = await self._store.query(APP_OF(account))
        codes, changes = await self._store.query(CODES_OF(account)), await self._store.query(CHANGES_OF(account))
        passkeys = await self._store.query(PASSKEYS_OF(account))
        return OwnFactors(apps[0] if apps else None, len(codes), passkeys, changes)

    async def has_app(self, account: Account) -> bool:
        """Whether an account has an authenticator app. Raises Refusal."""
        return bool(await self._store.query(APP_OF(account.id)))

    async def has_passkey(self, account: Account) -> bool:
        """Whether an account has a passkey. Raises Refusal."""
        return bool(await self._store.query(PASSKEYS_OF(account.id)))

    def begin_app(self, actor: Actor) -> AppSetup:
        """A new secret for an app; nothing counts before its first code. Raises Refusal."""
        account = self._own_lately(actor)
        secret = self._random(SECRET_BYTES)
        until_ms = self._clock.now_ms() + SETUP_MS
        return AppSetup(secret, self._setups.sign(f"{account.id} {secret.hex()}", until_ms), until_ms)

    def begun_app(self, actor: Actor, setup: str) -> AppSetup:
        """An app that is being set up, once more. Raises Refusal("bad_parameter") if that took too long."""
        account, now_ms = self._own(actor), self._clock.now_ms()
        whose, _, secret = (self._setups.read(setup, now_ms) or "").partition(" ")
        if whose != account.id:
            raise Refusal("bad_parameter", _TOO_LATE, field="setup")
        return AppSetup(bytes.fromhex(secret), setup, now_ms)

    async def add_app(self, actor: Actor, setup: str, code: str) -> Sequence[str]:
        """Set up an app in place of the one before: recovery codes, if it is the first second factor.

        Raises Refusal("bad_code"), ("bad_parameter") if it took too long, …
        """
        account, now_ms = self._own_lately(actor), self._clock.now_ms()
        secret = self.begun_app(actor, setup).secret
        step = step_of(secret, code.replace(" ", ""), now_ms)
        if step is None:
            detail = "This is not the code that the app shows now. Is the clock of your device right?"
            raise Refusal("bad_code", detail, field="code")
        sealed = await self._identities.codes.sealing.seal(account.id, secret)
        return await self._run(self._add_app(actor, account, sealed, step, now_ms))

    def _add_app(
        self, actor: Actor, account: Account, sealed: str, step: int, now_ms: int
    ) -> Transaction[Sequence[str]]:
        yield from require_unchanged(actor)
        yield SET_APP(account.id, sealed, step, now_ms)
        yield from self._note(actor, account.id, "added", "app", self._mails)
        return (yield from self._first_codes(actor, account.id))

    def _first_codes(self, actor: Actor, account: str) -> Transaction[Sequence[str]]:
        """The step behind a factor that was added: recovery codes, where there are none."""
        codes = [] if (yield CODES_OF(account)) else (yield from self._make_codes(actor, account, None))
        yield from factors_changed(by(actor), account)
        return codes

    async def remove_app(self, actor: Actor) -> None:
        """Take away one's app. Raises Refusal("not_found"), ("forbidden") where the server demands one, …"""
        account = self._own_lately(actor)
        await self._run(self._remove_app(actor, account))

    def _remove_app(self, actor: Actor, account: Account) -> Transaction[None]:
        yield from require_unchanged(actor)
        if not (yield END_APP(account.id)):
            raise Refusal("not_found", "You have no authenticator app here.")
        yield from self._removed(actor, account, "app")

    async def begin_passkey(self, actor: Actor) -> tuple[str, Sequence[PasskeyRow]]:
        """A challenge for a new passkey, and those that there are. Raises Refusal, ("forbidden") for one too many."""
        account = self._own_lately(actor)
        there = await self._store.query(PASSKEYS_OF(account.id))
        if len(there) >= MAX_PASSKEYS:
            raise Refusal("forbidden", f"An account has at most {MAX_PASSKEYS} passkeys: take one away first.")
        return self._passkeys.challenge("add", account.id), there

    async def add_passkey(self, actor: Actor, label: str, answer: Attestation, place: Place) -> Sequence[str]:
        """Set up a passkey: recovery codes, if it is the first second factor. Raises Refusal("bad_passkey"), …"""
        account, label = self._own_lately(actor), line(label, MAX_LABEL_CHARS, "label")
        key, proof = await self._passkeys.added(answer, account.id, place)
        id_, now_ms = f"k_{self._ids.token()}", self._clock.now_ms()
        shown = label or "Passkey"
        row = PasskeyRow(id_, key.credential, account.id, shown, key.public_key, key.counter, place.rp, now_ms, 0)
        return await self._run(self._add_passkey(actor, row, proof))

    def _add_passkey(self, actor: Actor, row: PasskeyRow, proof: Proof) -> Transaction[Sequence[str]]:
        yield from require_unchanged(actor)
        yield from proof
        if len((yield PASSKEYS_OF(row.account))) >= MAX_PASSKEYS or not (yield ADD_PASSKEY(*row[:-1])):
            raise Refusal("forbidden", "This passkey is set up already.")
        yield from self._note(actor, row.account, "added", "passkey", self._mails)
        return (yield from self._first_codes(actor, row.account))

    async def remove_passkey(self, actor: Actor, id_: str) -> None:
        """Take away a passkey of one's own. Raises Refusal("not_found"), ("forbidden") if it is demanded."""
        account = self._own_lately(actor)
        await self._run(self._remove_passkey(actor, account, id_))

    def _remove_passkey(self, actor: Actor, account: Account, id_: str) -> Transaction[None]:
        yield from require_unchanged(actor)
        if not (yield END_PASSKEY(id_, account.id)):
            raise Refusal("not_found", "You have no such passkey.")
        yield from self._removed(actor, account, "passkey")

    def _removed(self, actor: Actor, account: Account, factor: str) -> Transaction[None]:
        """The step behind a factor that was taken away. Raises Refusal("forbidden") where one is demanded."""
        if self._policies.demands_factor(account) and not (yield from count_factors(account.id)):
            raise Refusal("forbidden", _DEMANDED)
        yield from self._note(actor, account.id, "removed", factor, self._mails)
        yield from factors_changed(by(actor), account.id)

    async def new_codes(self, actor: Actor) -> Sequence[str]:
        """Recovery codes in place of those before. Raises Refusal("forbidden") without a second factor, …"""
        account = self._own_lately(actor)
        return await self._run(self._new_codes(actor, account.id))

    def _new_codes(self, actor: Actor, account: str) -> Transaction[Sequence[str]]:
        yield from require_unchanged(actor)
        if not (yield from count_factors(account)):
            raise Refusal("forbidden", "Recovery codes stand in for a second factor: set one up first.")
        yield END_CODES(account)
        return (yield from self._make_codes(actor, account, self._mails))

    def _make_codes(self, actor: Actor, account: str, mails: Mails | None) -> Transaction[Sequence[str]]:
        codes = [recovery_code(self._random(CODE_BYTES)) for _ in range(CODES)]
        for code in codes:
            yield ADD_CODE(code_digest(account, canonical(code)), account)
        yield from self._note(actor, account, "added", "codes", mails)  # with the factor comes a mail already
        return codes

    async def remove_all(self, actor: Actor, account: Account) -> None:
        """Take away all that somebody has who has lost it; their sessions end. Raises Refusal("forbidden"), …"""
        self._policies.require(actor, "administer", None)
        self._identities.require_recent(actor)
        _require_above(actor, account)
        if actor.account is not None and actor.account.id == account.id:  # also by a token, which may not
            raise Refusal("forbidden", "Take away your own second factors on their page.")
        await self._run(self._remove_all(actor, account.id))

    def _remove_all(self, actor: Actor, id_: str) -> Transaction[None]:
        yield from require_unchanged(actor)
        if not (yield from count_factors(id_)):
            raise Refusal("not_found", "This account has no second factor.")
        yield from end_factors(id_)
        yield from self._note(actor, id_, "removed", "all", self._mails)
        _require_above(actor, (yield from factors_changed(by(actor), id_)))
        ended: list[str] = yield END_SESSIONS_BUT(id_, "")
        for sign_in in ended:
            yield append_to_log(by(actor), SignInChanged("ended", id_, sign_in, "", "factors"))

    async def _run(self, transaction: Transaction[T]) -> T:
        done = await self._store.run(transaction)
        self._mails.on_new()
        return done

    def _note(self, actor: Actor, account: str, what: str, factor: str, mails: Mails | None) -> Transaction[None]:
        yield append_to_log(by(actor), FactorChanged(what, account, factor))  # type: ignore[arg-type]  # its literals
        change, now_ms = f"c_{self._ids.token()}", self._clock.now_ms()
        yield from note_change(mails, account, change, now_ms, f"{factor}_{what}")

    def _random(self, length: int) -> bytes:
        return sha256(self._ids.secret().encode()).digest()[:length]

    def _own(self, actor: Actor) -> Account:
        self._policies.require(actor, "factor", None)
        if actor.account is None:
            raise Refusal("login_required", "Sign in first.")
        return actor.account

    def _own_lately(self, actor: Actor) -> Account:
        account = self._own(actor)
        self._identities.require_recent(actor)
        return account


def _require_above(actor: Actor, account: Account) -> None:
    if account.role == "owner" and actor.account is not None and not actor.account.has_role("owner"):
        raise Refusal("forbidden", "Only an owner may do this to an owner.")
