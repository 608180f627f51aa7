"""Find the account behind a credential, and forget credentials that the log of the server says have ended."""

from __future__ import annotations

from asyncio import Future, get_running_loop
from collections.abc import Callable
from typing import Literal, NamedTuple

from msgspec.structs import replace

from parlour.chat.codes import Codes, Proof
from parlour.chat.known_accounts import KnownAccounts
from parlour.chat.known_credentials import Known, KnownCredentials
from parlour.chat.known_devices import KnownDevices
from parlour.chat.mails import Mails
from parlour.chat.passwords import Passwords
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.sign_in_throttle import SignInThrottle
from parlour.chat.tables.accounts import PASSWORD_OF, REPLACE_PASSWORD
from parlour.chat.tables.sign_ins import SIGN_IN, USE_SIGN_IN, SignIn
from parlour.chat.transactions import Transaction
from parlour.core.accounts import Account, Scope
from parlour.core.actor import Actor
from parlour.core.durations import DAY_MS
from parlour.core.errors import Refusal
from parlour.core.payloads import AccountChanged, Payload, SignInChanged
from parlour.core.secret import digest, is_api_token
from parlour.core.sign_outs import DELETED, DISABLED, SIGNED_OUT, SignOut

SESSION_MS, IDLE_MS = 30 * DAY_MS, 14 * DAY_MS
"""How long a session lasts at most, and without being used."""

ADMIN_SESSION_MS, ADMIN_IDLE_MS = 7 * DAY_MS, DAY_MS
"""The same for those who run the server. OWASP has an hour; who types a long password every hour chooses a short one,
and what is dangerous asks for it anyway (`RECENT_MS`)."""

RECENT_MS = 900_000
"""For so long after the password a session may be used for what is dangerous."""

USED_EVERY_MS = 300_000
"""How far behind the time of the last use may be."""

PASSWORD_MS = 300_000
"""How long a request with a password may be followed by equal ones that are not hashed again."""

CODE_REQUIRED = (
    "This account has a second factor, so its password alone is not enough: use a token (`parlour login` makes one), "
    "or send a code along, in the field Parlour-Code."
)

ENDED_KEPT = 20_000
"""Ids of what has ended that are kept in memory, for what is being looked up meanwhile."""


class Credentials(NamedTuple):
    """The credentials of a request: the secret of a session or a token, or the password of the account `name`."""

    kind: Literal["session", "token", "password", "ticket", "pass", "proxy"]
    secret: str
    name: str = ""
    code: str = ""
    """Of a second factor, with a password."""

    @property
    def key(self) -> str:
        """By which it is known while it is in memory; the secret itself is not kept."""
        return digest(f"{self.name}\0{self.secret}" if self.kind == "password" else self.secret)


def lifetime_ms(account: Account) -> tuple[int, int]:
    """How long a session of an account lasts at most, and without being used."""
    return (ADMIN_SESSION_MS, ADMIN_IDLE_MS) if account.has_role("admin") else (SESSION_MS, IDLE_MS)


class Identities:
    """The accounts, and the credentials that were used last. All methods are called on the event loop."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, passwords: Passwords, mails: Mails) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self.accounts = KnownAccounts()
        """Those that there are; what the log of the server says is learnt here."""
        self._throttle = SignInThrottle(clock.monotonic)
        self.codes = Codes(store, clock, ids, self._throttle, mails)
        self.devices = KnownDevices(store.secret)
        self._known = KnownCredentials()
        self._ended: dict[str, SignOut] = {}  # ids of what has ended not long ago, and why
        self._renewals = 0  # sessions that have been given another secret, since the start
        self._passwords_set: dict[str, int] = {}  # how often, by the id of the account, since the start
        self._watchers: dict[str, dict[Callable[[Refusal], None], str | None]] = {}

    async def load(self) -> None:
        """Read all accounts, and the names that they have had. Raises Refusal."""
        await self.accounts.load(self._store)

    def is_connected(self, account: str) -> bool:
        """Whether an account has a stream or a WebSocket open, or waits for news, on this node."""
        return account in self._watchers

    def sizes(self) -> dict[str, int]:
        """How much there is of what can grow."""
        return {
            "accounts": len(self.accounts),
            "credentials_known": len(self._known),
            "accounts_with_something_open": len(self._watchers),
        }

    # --- credentials ---

    def actor(self, credentials: Credentials, address: str) -> Actor | None:
        """The actor of credentials that are in memory; None if `identify` has to be asked."""
        known = self._known.get(credentials.key)
        if known is None or known.kind != credentials.kind:
            return None
        now_ms = self._clock.now_ms()
        if known.expires_ms <= now_ms:
            self._known.forget(credentials.key)
            return None
        if now_ms - known.used_ms > USED_EVERY_MS and known.sign_in is not None:
            self._used(credentials.key, known, now_ms)
        account, actor = self.accounts[known.account], known.actor
        if actor is None or actor.account is not account or actor.address != address:
            actor = known.actor = Actor(
                *(account.kind, account.id, known.kind, address, account),
                *(known.sign_in, known.scopes, known.rooms, known.authenticated_ms),
            )
        return actor

    async def identify(self, credentials: Credentials, address: str) -> Actor | None:
        """The actor of these credentials; None for a session that has ended.

        Raises Refusal("bad_credentials") for a wrong token or password, ("rate_limited") for too many of those,
        ("code_required") or ("bad_code") for the password of an account with a second factor, whose code counts for one
        request; ("overloaded"), ("storage_unavailable").
        """
        if credentials.kind == "password":
            account = await self._password_of(credentials, address)
            if account.factors:
                return await self._with_code(account, credentials.code, address)
            now_ms = self._clock.now_ms()
            known: Known | None = Known("password", account.id, None, None, now_ms, now_ms + PASSWORD_MS, now_ms)
        elif credentials.kind == "token" and not is_api_token(credentials.secret):
            raise Refusal("bad_credentials", "This is not a whole token: it may be cut or have a typing error.")
        else:
            renewals = -1
            while renewals != self._renewals:  # what was read may have been the old secret of a session
                renewals = self._renewals
                known = await self._find(credentials)
        if known is None:
            if credentials.kind == "session":
                return None
            raise Refusal("bad_credentials")
        self._known.keep(credentials.key, known)
        return self.actor(credentials, address)

    def require_recent(self, actor: Actor) -> None:
        """Raises Refusal("reauthentication_required") for a session whose password was given too long ago.

        Tokens and passwords in each request are secrets that are given each time.
        """
        if actor.credential == "session" and self._clock.now_ms() - actor.authenticated_ms > RECENT_MS:
            raise Refusal("reauthentication_required", "Give your password again for this: it was a while ago.")

    async def password_is(
        self, account: Account | None, password: str, name: str, address: str, device: str | None = None
    ) -> str:
        """Check a password: the hash that it has. One that is weak is replaced by another of the same password first.

        Raises Refusal("bad_credentials"), ("rate_limited"), ("overloaded"); ("forbidden") for the right password of an
        account that is disabled, which nobody learns by a wrong one.

        `name` is how somebody has written it, `device` one that has signed in with this account before. The account may
        get another password as soon as this has returned.
        """
        name = self.accounts.counted_as(account, name)
        self._throttle.check(name, address, device)
        before = None if account is None else self._passwords_set.get(account.id)
        rows = await self._store.query(PASSWORD_OF("" if account is None else account.id))
        if not await self._passwords.verify(rows[0] if rows else None, password, address):
            self._throttle.failed(name, address, device)
            raise Refusal("bad_credentials")
        now = None if account is None else self.accounts[account.id]
        if now is None or self._passwords_set.get(now.id) != before or now.state == "deleted":
            raise Refusal("bad_credentials")  # it has ended while it was hashed
        if now.state == "disabled":
            raise Refusal("forbidden", DISABLED)
        self._throttle.succeeded(name, address, device)
        hashed = rows[0]
        assert hashed is not None  # else nothing is right
        if self._passwords.is_weak(hashed) and not (
            hashed := await self._hash_again(now.id, hashed, password, address)
        ):
            return await self.password_is(now, password, name, address, device)  # somebody else has replaced it
        return hashed

    async def _hash_again(self, id_: str, weak: str, password: str, address: str) -> str:
        """Store another hash of a password, and return it; the weak one where that fails; empty if it is not there.

        Only who has given the right password waits for it.
        """
        try:
            hashed = await self._passwords.hash(password, address)
            return hashed if await self._store.run(_replace_password(id_, weak, hashed)) else ""
        except Refusal:  # too many hashes, or a full disk: the next time
            return weak

    async def _password_of(self, credentials: Credentials, address: str) -> Account:
        account = self.accounts.named(credentials.name)
        try:
            await self.password_is(account, credentials.secret, credentials.name, address)
        except Refusal as refusal:
            if refusal.code != "forbidden":
                raise
            raise Refusal("bad_credentials", refusal.detail) from None
        assert account is not None  # else it is refused
        return self.accounts[account.id]

    async def _with_code(self, account: Account, code: str, address: str) -> Actor:
        """Who asks with a password and a code; nothing of it is kept."""
        if not code:
            raise Refusal("code_required", CODE_REQUIRED)
        await self.codes.carry_out(account, code, address, None, _carry_out)
        return Actor(account.kind, account.id, "password", address, account)

    async def _find(self, credentials: Credentials) -> Known | None:
        rows = await self._store.query(SIGN_IN(digest(credentials.secret)))
        if not rows or rows[0].kind != credentials.kind or rows[0].expires_ms <= self._clock.now_ms():
            return None
        found: SignIn = rows[0]
        if found.account not in self.accounts:  # another node has just made it
            await self._store.catch_up()
        if found.id in self._ended or not self._is_active(found.account):  # while it was read
            return None
        scopes: frozenset[Scope] | None = None
        if found.kind == "token":
            scopes = frozenset(found.scopes.split())  # type: ignore[arg-type]
        rooms = frozenset(found.rooms.split()) if found.rooms else None
        return Known(
            *(found.kind, found.account, found.id, scopes, found.made_ms, found.expires_ms, found.used_ms, rooms),
            found.authenticated_ms,
        )

    def _is_active(self, id_: str) -> bool:
        account = self.accounts.get(id_)
        return account is not None and account.state == "active"

    def _used(self, key: str, known: Known, now_ms: int) -> None:
        """Remember that it is used; a session lives longer for it, a token does not."""
        expires_ms = known.expires_ms
        if known.kind == "session":
            longest_ms, idle_ms = lifetime_ms(self.accounts[known.account])
            expires_ms = min(known.made_ms + longest_ms, now_ms + idle_ms)
        self._known.keep(key, replace(known, used_ms=now_ms, expires_ms=expires_ms, actor=None))
        assert known.sign_in is not None
        self._store.run(_use(known.sign_in, now_ms, expires_ms)).add_done_callback(_ignore)

    def current(self, actor: Actor) -> Actor:
        """The same actor, with its account as it is now."""
        account = actor.account
        if account is None:
            return actor
        now = self.accounts[account.id]
        return actor if now is account else actor._replace(account=now)

    # --- what ends ---

    def watch(self, actor: Actor, end: Callable[[Refusal], None]) -> Callable[[], None]:
        """Call `end` once what somebody is signed in with has ended. Call what is returned when it does not matter."""
        if actor.account is None:
            return _nothing
        if actor.sign_in in self._ended or not self._is_active(actor.account.id):  # while the stream was made
            get_running_loop().call_soon(end, Refusal("login_required", self._why(actor.account.id, actor.sign_in)))
            return _nothing
        watchers = self._watchers.setdefault(actor.account.id, {})
        watchers[end] = actor.sign_in
        id_ = actor.account.id

        def forget() -> None:
            watchers.pop(end, None)
            if not watchers and self._watchers.get(id_) is watchers:
                del self._watchers[id_]

        return forget

    def _why(self, account: str, sign_in: str | None) -> str:
        """The sentence for somebody whose sign-in has ended. They were signed in with it, so they may know."""
        now = self.accounts.get(account)
        if now is None or now.state == "deleted":
            return DELETED
        if now.state == "disabled":
            return DISABLED
        return SIGNED_OUT["" if sign_in is None else self._ended.get(sign_in, "")]

    def is_idle(self, row: SignIn) -> bool:
        """Whether what ends at its time would have gone on, had it been used."""
        if row.kind != "session":
            return False
        account = self.accounts.get(row.account)
        return row.expires_ms < row.made_ms + (SESSION_MS if account is None else lifetime_ms(account)[0])

    def open_until(self, row: SignIn, now_ms: int) -> int:
        """When a session ends by which something is open; a time in the past for any other, and for tokens."""
        watchers = self._watchers.get(row.account, {})
        if row.kind != "session" or row.id not in watchers.values():
            return row.expires_ms
        return min(row.made_ms + SESSION_MS, now_ms + IDLE_MS)

    def end_open(self, is_over: Callable[[Account], bool], why: str) -> None:
        """End what is open for accounts; what they are signed in with stays. `why` is for people."""
        for id_ in [id_ for id_ in self._watchers if is_over(self.accounts[id_])]:
            self._end(id_, lambda _: True, why)

    def changed(self, payload: Payload) -> None:
        """Learn what an event of the server's log says."""
        if isinstance(payload, AccountChanged):
            self._account_changed(payload)
        elif isinstance(payload, SignInChanged) and payload.what == "ended":
            self._sign_in_ended(payload.account, payload.sign_in, payload.why)
        elif isinstance(payload, SignInChanged) and payload.what == "renewed":
            self._renewals += 1
            self._known.forget_of(payload.account, lambda known: known.sign_in == payload.sign_in)

    def _account_changed(self, change: AccountChanged) -> None:
        self.accounts.learn(change.account)
        if change.what == "erased":
            self.accounts.forget_names(change.account.id)
        if change.account.state != "active":
            self._known.forget_of(change.account.id, lambda _: True)
        elif change.what in ("state", "password", "profile", "factors"):
            self._known.forget_of(change.account.id, lambda known: known.kind == "password")
        if change.what == "password":
            self._passwords_set[change.account.id] = self._passwords_set.get(change.account.id, 0) + 1
        if change.account.state != "active":
            self._end(change.account.id, lambda _: True, self._why(change.account.id, None))
        elif change.what == "password":
            self._end(change.account.id, lambda sign_in: sign_in is None, SIGNED_OUT["password"])
        elif change.what == "factors":
            self._end(change.account.id, lambda sign_in: sign_in is None, SIGNED_OUT["factors"])

    def _sign_in_ended(self, account: str, sign_in: str, why: SignOut) -> None:
        self._ended[sign_in] = why
        if len(self._ended) > ENDED_KEPT:
            del self._ended[next(iter(self._ended))]
        self._known.forget_of(account, lambda known: known.sign_in == sign_in)
        self._end(account, lambda by: by == sign_in, SIGNED_OUT[why])

    def _end(self, account: str, is_over: Callable[[str | None], bool], why: str) -> None:
        """End what is open for an account by a sign-in that is over; None is its password. `why` is for people."""
        watchers = self._watchers.get(account, {})
        for end in [end for end, by in watchers.items() if is_over(by)]:
            if end in watchers:  # one that ends may take another with it
                del watchers[end]
                end(Refusal("login_required", why))


def _use(sign_in: str, now_ms: int, expires_ms: int) -> Transaction[None]:
    yield USE_SIGN_IN(sign_in, now_ms, expires_ms)


def _carry_out(proof: Proof) -> Transaction[None]:
    yield from proof


def _replace_password(id_: str, before: str, hashed: str) -> Transaction[bool]:
    return bool((yield REPLACE_PASSWORD(id_, before, hashed)))


def _ignore(future: Future[None]) -> None:
    """The time of the last use is no promise: a full disk does not end a session."""
    future.exception()


def _nothing() -> None:
    """Nobody was told."""
