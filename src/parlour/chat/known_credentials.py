"""The credentials that were found not long ago, in memory; what has ended is forgotten at the cost of its account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from parlour.core.accounts import Scope
from parlour.core.actor import Actor

KEPT = 20_000
"""Credentials kept in memory; another one costs a read."""


class Known(Struct):
    """The account (`account`, an id) of a session, token or password, and what it allows; times as in `SignIn`.

    `sign_in` is the id of the session or token, None for a password. `actor` is who has asked with it last.
    """

    kind: Literal["session", "token", "password"]
    account: str
    sign_in: str | None
    scopes: frozenset[Scope] | None
    made_ms: int
    expires_ms: int
    used_ms: int
    rooms: frozenset[str] | None = None
    authenticated_ms: int = 0
    actor: Actor | None = None


class KnownCredentials:
    """Credentials by their keys; the oldest go first when there are too many.

    To forget one of an account takes a look at those of that account, and at no other: many may end at once.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._known: dict[str, Known] = {}
        self._of_account: dict[str, set[str]] = {}  # keys of `_known`

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: str) -> Known | None:
        """The credentials with a key."""
        return self._known.get(key)

    def keep(self, key: str, known: Known) -> None:
        """Keep credentials, or what is new of some that are kept."""
        if key not in self._known:
            while len(self._known) >= self._kept:
                self.forget(next(iter(self._known)))
            self._of_account.setdefault(known.account, set()).add(key)
        self._known[key] = known

    def forget(self, key: str) -> None:
        """Keep credentials no longer."""
        known = self._known.pop(key, None)
        if known is not None:
            keys = self._of_account[known.account]
            keys.remove(key)
            if not keys:
                del self._of_account[known.account]

    def forget_of(self, account: str, is_over: Callable[[Known], bool]) -> None:
        """Keep those of an account no longer that are over."""
        for key in list(self._of_account.get(account, ())):
            if is_over(self._known[key]):
                self.forget(key)
