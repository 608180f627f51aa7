"""The verbs of sessions and API tokens: signing in, making tokens, and ending what somebody is signed in with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from parlour.chat.account_steps import account_now
from parlour.chat.codes import Proof
from parlour.chat.directs import Directs
from parlour.chat.guests import author_of
from parlour.chat.identities import Identities, lifetime_ms
from parlour.chat.mails import Mails
from parlour.chat.passkeys import Passkeys
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.recheck import require_unchanged
from parlour.chat.server_log import append_to_log, by
from parlour.chat.signed_values import SignedValues
from parlour.chat.tables.accounts import ACCOUNT, PASSWORD_OF
from parlour.chat.tables.passkeys import PASSKEYS_OF, PasskeyRow
from parlour.chat.tables.sign_ins import (
    ADD_SIGN_IN,
    END_SESSIONS_BUT,
    END_SIGN_IN,
    RENEW_SIGN_IN,
    SIGN_INS_OF,
    SignIn,
)
from parlour.chat.transactions import Transaction
from parlour.core.accounts import MAX_TOKEN_DAYS, SCOPES, Account, Role, Scope
from parlour.core.actor import Actor
from parlour.core.devices import device
from parlour.core.direct import is_direct
from parlour.core.durations import DAY_MS
from parlour.core.errors import Refusal
from parlour.core.names import room_name
from parlour.core.passkeys import Assertion, Place
from parlour.core.payloads import SignInChanged
from parlour.core.secret import api_token, digest
from parlour.core.sign_outs import DISABLED, SIGNED_OUT
from parlour.core.text import visible

MAX_SESSIONS = 20
MAX_TOKENS = 50
MAX_TOKEN_ROOMS = 20
MAX_LABEL_CHARS = 64
TOKEN_DAYS = 90

HALF_MS = 600_000
"""How long somebody may take from the password to the second factor."""

_CODE_TOO = "This account has a second factor: send a code of its app, or a recovery code, as `code` too."


class NewSignIn(NamedTuple):
    """A session or token, and its secret: it is shown once."""

    sign_in: SignIn
    account: Account
    secret: str


class HalfSignIn(NamedTuple):
    """A right password, signed by the server: with a second factor it becomes a session."""

    signed: str


class NewSecret(NamedTuple):
    """The secret that a session has from now on, None for what is no session; and the actor that asks."""

    secret: str | None
    actor: Actor


class SignIns:
    """Begins and ends sessions and tokens."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        identities: Identities,
        passkeys: Passkeys,
        mails: Mails,
        directs: Directs,
    ) -> None:
        self._passkeys = passkeys
        self._directs = directs
        self._store = store
        self._clock = clock
        self._ids = ids
        self._identities = identities
        self._halves = SignedValues(store.secret, "a password that was right")
        self._mails = mails

    async def sign_in(
        self, name: str, password: str, user_agent: str, address: str, cookie: str | None = None, code: str = ""
    ) -> NewSignIn:
        """Begin a session, with a code where the account has a second factor.

        Raises Refusal("code_required"), ("bad_code"), and what `first_step` raises.
        """
        begun = await self.first_step(name, password, user_agent, address, cookie)
        if isinstance(begun, NewSignIn):
            return begun
        if not code:
            raise Refusal("code_required", _CODE_TOO, field="code")
        return await self.second_step(begun, code, user_agent, address, cookie)

    async def first_step(
        self, name: str, password: str, user_agent: str, address: str, cookie: str | None = None
    ) -> NewSignIn | HalfSignIn:
        """Begin a session, or the half of it that a password is. `cookie` is that of a device which was here before.

        Raises Refusal("bad_credentials"), ("rate_limited"), ("overloaded").
        """
        account, device = self._identities.accounts.named(name), None
        if account is not None and cookie is not None:
            device = self._identities.devices.device_of(account.id, cookie)
        hashed = await self._identities.password_is(account, password, name, address, device)
        assert account is not None  # else it is refused
        now = self._identities.accounts.get(account.id)
        if now is not None and now.factors:
            return HalfSignIn(self._halves.sign(f"{account.id} {digest(hashed)}", self._clock.now_ms() + HALF_MS))
        return await self.begin(account, user_agent, hashed, is_new_device=device is None)

    async def second_step(
        self, half: HalfSignIn, code: str, user_agent: str, address: str, cookie: str | None = None
    ) -> NewSignIn:
        """Begin the session whose half somebody has.

        Raises Refusal("bad_code"), ("rate_limited"); ("login_required") if it took too long, or if the password is
        another one now.
        """
        account, hashed = await self.half_of(half)
        device = None if cookie is None else self._identities.devices.device_of(account.id, cookie)
        secret, row = self._new_session(account, user_agent)
        await self._identities.codes.carry_out(
            account,
            code,
            address,
            device,
            lambda proof: self._begin(account, row, secret, hashed, proof, is_new_device=device is None),
        )
        self._mails.on_new()
        return NewSignIn(row, account, secret)

    async def passkey_challenge(self, half: HalfSignIn | None) -> tuple[str, Sequence[PasskeyRow]]:
        """A challenge for signing in, and the passkeys that may answer it: none named without the half of a sign-in.

        Raises Refusal("login_required") for a half that is over.
        """
        if half is None:
            return self._passkeys.challenge("sign_in"), ()
        account, _ = await self.half_of(half)
        return self._passkeys.challenge("second_step", account.id), await self._store.query(PASSKEYS_OF(account.id))

    async def by_passkey(
        self,
        answer: Assertion,
        place: Place,
        user_agent: str,
        half: HalfSignIn | None = None,
        cookie: str | None = None,
    ) -> NewSignIn:
        """Begin a session by a passkey alone, or the one whose half somebody has; `cookie` as for `first_step`.

        Raises Refusal("bad_passkey"), ("login_required") for a half that is over, ("forbidden") for a disabled account.
        """
        if half is None:
            hashed = None
            shown = await self._passkeys.shown(answer, "sign_in", "", place)
        else:
            own, hashed = await self.half_of(half)
            shown = await self._passkeys.shown(answer, "second_step", own.id, place)
        account = self._identities.accounts.get(shown.account)
        if account is None:  # another node has just made it
            await self._store.catch_up()
            account = self._identities.accounts.get(shown.account)
        if account is None or account.state != "active":
            raise Refusal("forbidden", DISABLED)
        secret, row = self._new_session(account, user_agent)
        is_new = cookie is None or self._identities.devices.device_of(account.id, cookie) is None
        await self._store.run(self._begin(account, row, secret, hashed, shown.proof, is_new_device=is_new))
        self._mails.on_new()
        return NewSignIn(row, account, secret)

    async def confirm_challenge(self, actor: Actor) -> tuple[str, Sequence[PasskeyRow]]:
        """A challenge for a passkey in place of the password, and one's passkeys. Raises Refusal("login_required")."""
        if actor.account is None or actor.sign_in is None:
            raise Refusal("login_required", "Sign in first.")
        rows = await self._store.query(PASSKEYS_OF(actor.account.id))
        return self._passkeys.challenge("confirm", actor.account.id), rows

    async def reauthenticate_by_passkey(self, actor: Actor, answer: Assertion, place: Place) -> NewSecret:
        """Show a passkey in place of password and code; else as `reauthenticate`. Raises Refusal("bad_passkey")."""
        account = actor.account
        if account is None:
            raise Refusal("login_required", "Sign in first.")
        shown = await self._passkeys.shown(answer, "confirm", account.id, place)
        secret, now_ms = self._ids.secret(), self._clock.now_ms()
        if actor.credential != "session" or actor.sign_in is None:
            raise Refusal("forbidden", "A passkey is shown in a browser that is signed in.")
        await self._store.run(_reauthenticate(actor, account, actor.sign_in, secret, now_ms, None, shown.proof))
        return NewSecret(secret, actor._replace(authenticated_ms=now_ms))

    async def half_of(self, half: HalfSignIn) -> tuple[Account, str]:
        """The account of a half sign-in, and the hash of its password. Raises Refusal("login_required")."""
        id_, _, hashed = (self._halves.read(half.signed, self._clock.now_ms()) or "").partition(" ")
        account, now = self._identities.accounts.get(id_), await self._store.query(PASSWORD_OF(id_))
        if account is None or account.state != "active" or not now or digest(now[0] or "") != hashed:
            raise Refusal("login_required", "This took too long: sign in again.")
        return account, now[0] or ""

    async def begin(
        self,
        account: Account,
        user_agent: str,
        hashed: str | None = None,
        *,
        is_new_device: bool = False,
        authenticated_ms: int | None = None,
    ) -> NewSignIn:
        """Begin a session for somebody who has shown who they are, with a password that has this hash.

        `authenticated_ms` is when they have shown that, if not now.
        They are told of it by mail where `is_new_device`, which has never signed in with this account before.
        Raises Refusal("bad_credentials") if the account has been disabled, or has another password, meanwhile;
        ("code_required") if it has got a second factor.
        """
        secret, row = self._new_session(account, user_agent)
        if authenticated_ms is not None:
            row = replace(row, authenticated_ms=authenticated_ms)
        await self._store.run(self._begin(account, row, secret, hashed, None, is_new_device=is_new_device))
        self._mails.on_new()
        return NewSignIn(row, account, secret)

    def _begin(
        self,
        account: Account,
        row: SignIn,
        secret: str,
        hashed: str | None,
        proof: Proof | None,
        *,
        is_new_device: bool,
    ) -> Transaction[None]:
        yield from _begin(account, row, secret, MAX_SESSIONS, hashed, proof)
        if is_new_device:
            details = {"name": account.name, "device": row.label or "an unknown one"}
            yield from self._mails.notice(account.id, "signed_in", details)

    def _new_session(self, account: Account, user_agent: str) -> tuple[str, SignIn]:
        secret, id_ = self._ids.secret(), f"s_{self._ids.token()}"
        now_ms, label = self._clock.now_ms(), _label(device(user_agent))
        ends_ms = now_ms + lifetime_ms(account)[1]
        return secret, SignIn(id_, account.id, "session", label, "", now_ms, now_ms, ends_ms, authenticated_ms=now_ms)

    async def reauthenticate(self, actor: Actor, password: str, code: str = "") -> NewSecret:
        """Give the password again for a session: it gets another secret, and may be used for what is dangerous.

        With a second factor a code is needed too. What is no session stays as it is. Raises Refusal("bad_credentials"),
        ("code_required"), ("bad_code"), ("rate_limited"), ("overloaded").
        """
        account = actor.account
        if account is None:
            raise Refusal("login_required", "Sign in first.")
        address = actor.address or ""
        hashed = await self._identities.password_is(account, password, account.name, address, actor.sign_in)
        if actor.credential != "session" or actor.sign_in is None:
            return NewSecret(None, actor)
        id_, secret, now_ms = actor.sign_in, self._ids.secret(), self._clock.now_ms()

        def again(proof: Proof | None) -> Transaction[None]:
            return _reauthenticate(actor, account, id_, secret, now_ms, hashed, proof)

        if account.factors and not code:
            raise Refusal("code_required", _CODE_TOO, field="code")
        if account.factors:
            await self._identities.codes.carry_out(account, code, address, id_, again)
        else:
            await self._store.run(again(None))
        return NewSecret(secret, actor._replace(authenticated_ms=now_ms))

    async def make_token(
        self,
        actor: Actor,
        account: Account,
        label: str,
        scopes: frozenset[Scope],
        days: int,
        rooms: frozenset[str] | None = None,
    ) -> NewSignIn:
        """Make a token of one's own account, or of a bot that one owns; for some rooms, or for all. Raises Refusal."""
        self._require_own(actor, account)
        if not scopes or not scopes <= set(SCOPES):
            raise Refusal("bad_parameter", f"Scopes are one or more of {', '.join(SCOPES)}.", field="scopes")
        if actor.scopes is not None and "admin" not in actor.scopes and not scopes <= actor.scopes:
            raise Refusal("forbidden", "A token makes no token that may do more.")
        names = None if rooms is None else frozenset([self._named(account, room) for room in rooms])
        if names is not None and not 1 <= len(names) <= MAX_TOKEN_ROOMS:
            raise Refusal("bad_parameter", f"A token is for 1 to {MAX_TOKEN_ROOMS} rooms, or for all.", field="rooms")
        if actor.rooms is not None and (names is None or not names <= actor.rooms):
            raise Refusal("forbidden", "A token makes no token for other rooms.")
        if not 1 <= days <= MAX_TOKEN_DAYS:
            raise Refusal("bad_parameter", f"A token lasts 1 to {MAX_TOKEN_DAYS} days.", field="days")
        if not label.strip():
            raise Refusal("bad_parameter", "Say what the token is for.", field="label")
        if "admin" in scopes:
            self._identities.require_recent(actor)
        token, id_ = api_token(self._ids.secret()), f"t_{self._ids.token()}"
        now_ms = self._clock.now_ms()
        wanted, where = " ".join(scope for scope in SCOPES if scope in scopes), " ".join(sorted(names or ()))
        row = SignIn(id_, account.id, "token", _label(label), wanted, now_ms, 0, now_ms + days * DAY_MS, where)
        await self._store.run(_make_token(actor, account, row, token))
        return NewSignIn(row, account, token)

    def _named(self, account: Account, room: str) -> str:
        """A room as whoever has the token names it. Raises Refusal, ("not_found") for one that has not begun."""
        if not is_direct(room):
            return room_name(room)
        found = self._directs.room_of(account, room)
        if not self._directs.has_begun(found):
            raise Refusal("not_found", f"Nothing has been said in {room} yet: write there first.", field="rooms")
        return found

    async def of(self, actor: Actor, account: Account) -> list[SignIn]:
        """The sessions and tokens of an account, the newest first; admins see those of others. Raises Refusal."""
        self._require_own_or_admin(actor, account)
        now_ms = self._clock.now_ms()
        return [row for row in await self._store.query(SIGN_INS_OF(account.id)) if row.expires_ms > now_ms]

    async def asking(self, actor: Actor) -> SignIn | None:
        """The session or token that asks; None for a guest and for a password. Raises Refusal."""
        if actor.account is None or actor.sign_in is None:
            return None
        rows: list[SignIn] = await self._store.query(SIGN_INS_OF(actor.account.id))
        return next((row for row in rows if row.id == actor.sign_in), None)

    async def end(self, actor: Actor, account: Account, id_: str) -> None:
        """End one at once, with its live streams. Raises Refusal("not_found") if the account has no such."""
        self._require_own_or_admin(actor, account)
        await self._store.run(_end(actor, account.id, id_))

    async def end_own(self, actor: Actor, id_: str) -> None:
        """End a session or token of one's own, or one of one's bots; a token without the scope admin ends itself alone.

        Raises Refusal("not_found") for any other, as if it were not there.
        """
        if actor.account is None:
            raise Refusal("not_found", "Who is not signed in has no session or token.")
        mine = actor.account
        if id_ == actor.sign_in:
            return await self._store.run(_end(actor, mine.id, id_))
        if actor.scopes is not None and "admin" not in actor.scopes:
            raise Refusal("not_found", "There is no such session or token, or this token may not end it.")
        for account in (mine, *self._identities.accounts.bots_of(mine)):
            try:
                return await self.end(actor, account, id_)
            except Refusal as refusal:
                if refusal.code != "not_found":
                    raise
        raise Refusal("not_found", "There is no such session or token.")

    async def end_others(self, actor: Actor) -> int:
        """End all sessions of one's account but the one that asks. Returns how many there were."""
        if actor.account is None:
            raise Refusal("login_required")
        return await self._store.run(_end_others(actor, actor.account.id, actor.sign_in or ""))

    def _require_own_or_admin(self, actor: Actor, account: Account) -> None:
        """Admins end what others are signed in with, owners that of owners too; they make no token for them."""
        least: Role = "owner" if account.role == "owner" else "admin"
        is_limited = actor.rooms is not None or (actor.scopes is not None and "admin" not in actor.scopes)
        if actor.account is None or not actor.account.has_role(least) or is_limited:
            self._require_own(actor, account)

    def _require_own(self, actor: Actor, account: Account) -> None:
        mine = actor.account
        if mine is None:
            if actor.kind == "system":
                return
            raise Refusal("login_required")
        if actor.scopes is not None and "admin" not in actor.scopes:
            raise Refusal("forbidden", "This token may not do that: it lacks the scope admin.")
        if account.id != mine.id and account.owner != mine.id:
            raise Refusal("not_found")


def _begin(
    account: Account, row: SignIn, secret: str, at_most: int, hashed: str | None = None, proof: Proof | None = None
) -> Transaction[None]:
    now: list[Account] = yield ACCOUNT(account.id)
    if not now or now[0].state != "active" or (hashed is not None and (yield PASSWORD_OF(account.id)) != [hashed]):
        raise Refusal("bad_credentials")
    if proof is not None:
        yield from proof
    elif hashed is not None and now[0].factors:
        raise Refusal("code_required", _CODE_TOO, field="code")
    rows: list[SignIn] = yield SIGN_INS_OF(account.id)
    same = [each for each in rows if each.kind == row.kind]
    if row.kind == "token" and len(same) >= at_most:
        raise Refusal("forbidden", f"An account has at most {at_most} tokens: end one that is not used.")
    for oldest in sorted(same, key=lambda each: each.used_ms)[: max(0, len(same) - at_most + 1)]:
        yield END_SIGN_IN(oldest.id, account.id)
        ended = SignInChanged("ended", account.id, oldest.id, oldest.label, "too_many")
        yield append_to_log(author_of(account), ended)
    hashed, made, expires = digest(secret), row.made_ms, row.expires_ms
    authenticated_ms = row.authenticated_ms
    yield ADD_SIGN_IN(
        hashed, row.id, account.id, row.kind, row.label, row.scopes, made, expires, row.rooms, authenticated_ms
    )
    yield append_to_log(author_of(account), SignInChanged("begun", account.id, row.id, row.label))


def _make_token(actor: Actor, account: Account, row: SignIn, secret: str) -> Transaction[None]:
    by_what = yield from require_unchanged(actor)
    if by_what is not None and by_what.kind == "token" and row.expires_ms > by_what.expires_ms:
        raise Refusal("forbidden", "A token makes no token that lasts longer than itself.", field="days")
    yield from _begin(account, row, secret, MAX_TOKENS)


def _reauthenticate(
    actor: Actor, account: Account, id_: str, secret: str, now_ms: int, hashed: str | None, proof: Proof | None
) -> Transaction[None]:
    yield from require_unchanged(actor)
    if proof is not None:
        yield from proof
    elif (yield from account_now(account.id)).factors:
        raise Refusal("code_required", _CODE_TOO, field="code")
    if hashed is not None and (yield PASSWORD_OF(account.id)) != [hashed]:
        raise Refusal("bad_credentials")
    yield from renew(account, id_, secret, now_ms)


def renew(account: Account, id_: str, secret: str, now_ms: int) -> Transaction[None]:
    """Give a session another secret, and the time at which its password was given. Raises Refusal if it has ended."""
    labels: list[str] = yield RENEW_SIGN_IN(id_, account.id, digest(secret), now_ms)
    if not labels:
        raise Refusal("login_required", SIGNED_OUT[""])
    yield append_to_log(author_of(account), SignInChanged("renewed", account.id, id_, labels[0]))


def _end(actor: Actor, account: str, id_: str) -> Transaction[None]:
    yield from require_unchanged(actor)
    ended: list[str] = yield END_SIGN_IN(id_, account)
    if not ended:
        raise Refusal("not_found", "There is no such session or token.")
    yield append_to_log(by(actor), SignInChanged("ended", account, id_, "", "by_hand"))


def _end_others(actor: Actor, account: str, but: str) -> Transaction[int]:
    yield from require_unchanged(actor)
    ended: list[str] = yield END_SESSIONS_BUT(account, but)
    for id_ in ended:
        yield append_to_log(by(actor), SignInChanged("ended", account, id_, "", "by_hand"))
    return len(ended)


def _label(text: str) -> str:
    return visible(text)[:MAX_LABEL_CHARS]
