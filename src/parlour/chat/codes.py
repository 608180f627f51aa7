"""Checks codes of second factors, those of apps and recovery codes: each counts once, and guessing costs time."""

from __future__ import annotations

from collections.abc import Callable

from parlour.chat.factor_steps import note_change
from parlour.chat.guests import author_of
from parlour.chat.mails import Mails
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.sealing import Sealing
from parlour.chat.server_log import append_to_log
from parlour.chat.sign_in_throttle import SignInThrottle
from parlour.chat.tables.factors import APP_OF, USE_CODE, USE_STEP
from parlour.chat.transactions import T, Transaction
from parlour.core.accounts import Account
from parlour.core.errors import Refusal
from parlour.core.payloads import FactorChanged
from parlour.core.recovery import canonical, code_digest
from parlour.core.totp import DIGITS, step_of

MAX_CODE_CHARS = 64
"""Nobody types a longer one."""

_WRONG = "This code is not right. Take the newest one of your app, or a recovery code."
_USED = "This code was used already, and counts once: wait for the next one."

Proof = Transaction[None]
"""Uses up what has been checked, in the transaction that trusts it. Raises Refusal("bad_code") if it was used."""


class Codes:
    """Checks the codes of accounts. The counts of wrong ones are those of `throttle`."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, throttle: SignInThrottle, mails: Mails) -> None:
        self._mails = mails
        self._store = store
        self._clock = clock
        self._ids = ids
        self._throttle = throttle
        self.sealing = Sealing(store.secret)

    async def carry_out(
        self,
        account: Account,
        code: str,
        address: str,
        device: str | None,
        transaction: Callable[[Proof], Transaction[T]],
    ) -> T:
        """Run a transaction that carries out the proof which it is given: the code is used up with what it is for.

        Raises Refusal("bad_code"), ("rate_limited"), and what the transaction raises. A right password has come before,
        so whoever guesses codes has that: wrong ones count for themselves, and no right password ends the count.
        """
        counted = f"{account.id} code"  # no name has a space
        self._throttle.check(counted, address, device)
        try:
            done = await self._store.run(transaction(await self._proof(account, code)))
        except Refusal as refusal:
            if refusal.code == "bad_code":
                self._throttle.failed(counted, address, device)
            raise
        self._throttle.succeeded(counted, address, device)
        self._mails.on_new()
        return done

    async def _proof(self, account: Account, code: str) -> Proof:
        if len(code) > MAX_CODE_CHARS:
            raise Refusal("bad_code", _WRONG, field="code")
        now_ms, digits = self._clock.now_ms(), code.replace(" ", "")
        if len(digits) == DIGITS and digits.isascii() and digits.isdigit():
            for row in await self._store.query(APP_OF(account.id)):
                secret = await self.sealing.opened(account.id, row.secret)
                step = None if secret is None else step_of(secret, digits, now_ms)
                if step is not None:
                    return _use_app(account.id, row.secret, step, now_ms)
        elif recovery := canonical(code):
            return self._use_recovery(account, code_digest(account.id, recovery), now_ms)
        raise Refusal("bad_code", _WRONG, field="code")

    def _use_recovery(self, account: Account, hashed: str, now_ms: int) -> Proof:
        used: list[str] = yield USE_CODE(hashed, account.id)
        if not used:
            raise Refusal("bad_code", _WRONG, field="code")
        yield append_to_log(author_of(account), FactorChanged("used", account.id, "code"))
        yield from note_change(self._mails, account.id, f"c_{self._ids.token()}", now_ms, "code_used")


def _use_app(account: str, sealed: str, step: int, now_ms: int) -> Proof:
    used: list[str] = yield USE_STEP(account, sealed, step, now_ms)
    if not used:
        raise Refusal("bad_code", _USED, field="code")
