"""All accounts with the names that they have, have had, and look like: in memory, by the log of the server."""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator, Set

from parlour.chat.ports import Store
from parlour.chat.tables.accounts import ALL_ACCOUNTS, FORMER_NAMES
from parlour.core.accounts import Account, likenesses, readings
from parlour.core.errors import Refusal
from parlour.core.names import display_name, room_name

_WORDS = re.compile(r"[\s._-]+")


class KnownAccounts:
    """Every account of the server, the deleted ones too. All methods are called on the event loop."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._names: dict[str, str] = {}  # also those that an account has had, to its id
        self._readings: dict[str, str] = {}  # all that these can be read as
        self._shown: dict[str, str] = {}  # how accounts are shown, case folded, to their ids
        self._likenesses: Counter[str] = Counter()  # of names, and of how accounts are shown
        self._owners: set[str] = set()  # ids of the active ones
        self._with_roles: set[str] = set()  # ids of the active ones that are more than members
        self._bots: dict[str, set[str]] = {}  # ids of all, by that of their owner
        self._order: list[tuple[str, str, str]] = []  # how accounts are shown, case folded, with their names and ids

    async def load(self, store: Store) -> None:
        """Read all accounts, and the names that they have had. Raises Refusal."""
        for former in await store.query(FORMER_NAMES()):
            self._keep_name(former.name, former.account)
            self._readings[former.skeleton] = former.account
        for account in await store.query(ALL_ACCOUNTS()):
            self.learn(account)

    def get(self, id_: str) -> Account | None:
        """The account with an id."""
        return self._accounts.get(id_)

    def named(self, name: str) -> Account | None:
        """The account of a name as somebody has written it; also of one that the account has had.

        Where no account has the name: the one that is shown under it, which people take for its name.
        """
        is_plain = name.isascii() and " " not in name  # a message with an `@` may cost little
        account = self._accounts.get(self._names.get(name.casefold() if is_plain else _canonical(name), ""))
        if account is None or account.state == "deleted":
            account = self._accounts.get(self._shown.get(name.casefold() if is_plain else _as_shown(name), ""))
        return account

    def beginning(self, wanted: str) -> Iterator[Account]:
        """Those whose name, or a word of how they are shown, begins with a text that is case folded; all for none.

        By how they are shown. The deleted ones are not among them, and none may come or go meanwhile.
        """
        for shown, name, id_ in self._order:
            if (
                name.startswith(wanted)
                or shown.startswith(wanted)
                or (wanted in shown and any(word.startswith(wanted) for word in _WORDS.split(shown)))
            ):
                yield self._accounts[id_]

    def all(self) -> list[Account]:
        """All accounts that are not deleted, by name."""
        found = [account for account in self._accounts.values() if account.state != "deleted"]
        return sorted(found, key=lambda account: account.name)

    def has_owner(self) -> bool:
        """Whether somebody is the owner."""
        return bool(self._owners)

    def is_only_owner(self, account: Account) -> bool:
        """Whether nobody but this account owns the server: it stays."""
        return self._owners == {account.id}

    def with_roles(self) -> Set[str]:
        """The ids of those who moderate or run the server."""
        return self._with_roles

    def bots_of(self, account: Account) -> list[Account]:
        """The bots of an account, by name."""
        return sorted([self._accounts[id_] for id_ in self._bots.get(account.id, ())], key=lambda bot: bot.name)

    def is_taken(self, name: str) -> bool:
        """Whether a name looks like that of an account, or like one that an account is shown under.

        A guest cannot have it.
        """
        if not self._readings:
            return False
        return any(each in self._readings or each in self._likenesses for each in likenesses(name))

    def require_unlike(self, name: str, but: str, field: str) -> None:
        """Raises Refusal("name_taken") for a name that can be read as that of another account than `but`."""
        if any(self._readings.get(each, but) != but for each in readings(name)):
            raise Refusal("name_taken", field=field)

    def counted_as(self, account: Account | None, name: str) -> str:
        """The key that failures with a name count under: shown names count apart, or they would tell their owner."""
        written = _canonical(name)
        if account is not None and self._names.get(written) == account.id:
            return account.name
        return written or _as_shown(name)

    def learn(self, account: Account) -> None:
        """Take an account as it is from now on."""
        before = self._accounts.get(account.id)
        if before is not None and before.state != "deleted":
            for each in _likenesses(before):
                self._likenesses[each] -= 1
                if not self._likenesses[each]:
                    del self._likenesses[each]
            if self._shown.get(before.display.casefold()) == before.id:
                del self._shown[before.display.casefold()]
            del self._order[bisect_left(self._order, _place(before))]
        self._accounts[account.id] = account
        is_active = account.state == "active"
        (self._owners.add if is_active and account.role == "owner" else self._owners.discard)(account.id)
        has_role = is_active and account.has_role("moderator")
        (self._with_roles.add if has_role else self._with_roles.discard)(account.id)
        if account.owner is not None:
            self._bots.setdefault(account.owner, set()).add(account.id)
        if account.state != "deleted":
            self._likenesses.update(_likenesses(account))
            self._shown[account.display.casefold()] = account.id
            insort(self._order, _place(account))
            self._keep_name(account.name, account.id)
        elif before is not None:  # events may still say how it was shown
            for each in readings(before.display):
                self._readings.setdefault(each, account.id)

    def _keep_name(self, name: str, account: str) -> None:
        self._names[name] = account
        self._readings.update(dict.fromkeys(readings(name), account))

    def forget_names(self, account: str) -> None:
        """Let others have the names of an account that was erased."""
        for names in (self._names, self._readings):
            for name in [name for name, each in names.items() if each == account]:
                del names[name]

    def __getitem__(self, id_: str) -> Account:
        return self._accounts[id_]

    def __contains__(self, id_: str) -> bool:
        return id_ in self._accounts

    def __len__(self) -> int:
        return len(self._accounts)


def _canonical(name: str) -> str:
    """The canonical form of a name that nobody has, as it is of one that somebody has: both are counted alike.

    What no account can have counts together: it would fill the memory.
    """
    try:
        return room_name(name)
    except Refusal:
        return ""


def _place(account: Account) -> tuple[str, str, str]:
    return account.display.casefold(), account.name, account.id


def _likenesses(account: Account) -> frozenset[str]:
    return likenesses(account.name) | likenesses(account.display)


def _as_shown(name: str) -> str:
    """How somebody is shown whose name has been written like that, case folded; empty for what nobody can be called."""
    try:
        return display_name(name).casefold()
    except Refusal:
        return ""
