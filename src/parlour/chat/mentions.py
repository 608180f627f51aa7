"""The people that a message is for: found when it is posted, and stored together with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from itertools import chain
from typing import NamedTuple

from parlour.chat.guests import SYSTEM
from parlour.chat.identities import Identities
from parlour.chat.inbox_settings import InboxSettings
from parlour.chat.own_log import append_to_account
from parlour.chat.policies import Policies
from parlour.chat.tables.accounts import ACCOUNT
from parlour.chat.tables.inbox import (
    ADD_MENTION,
    ADD_READ,
    ADD_ROOM_MENTION,
    DROP_OLD_ROOM_MENTIONS,
    MY_ROOM,
    OLD_ROOM_MENTION,
    MyRoom,
)
from parlour.chat.transactions import Append, FindLog, Transaction
from parlour.core.accounts import Account
from parlour.core.event import Appended, Author, Draft, Log
from parlour.core.mentions import addressed, words_of
from parlour.core.payloads import Everyone, Mentioned, MentionReason, ReadMoved

MEMBERS_ALONE = frozenset({"private", "direct"})

MAX_FOR = 100
"""Accounts that one message is for by name, by `@here` or by a word: each is a change of its log."""


class Named(NamedTuple):
    """The people that a message is for: accounts by their ids, each with the reason; and everybody in it or there.

    `names` are those whose names are in it, which everybody may know.
    """

    accounts: Mapping[str, MentionReason]
    names: tuple[str, ...] | None
    everyone: Everyone | None


def nobody(_: str, *, by: str) -> bool:
    """Of a server on which nobody has blocked anybody."""
    return False


class Mentions:
    """Finds whom messages are for, in memory."""

    def __init__(
        self,
        identities: Identities,
        policies: Policies,
        settings: InboxSettings,
        is_blocked: Callable[..., bool] = nobody,
        accounts_in: Callable[[str], Set[str]] = lambda _: frozenset(),
    ) -> None:
        """`is_blocked` says of an author whether an account (`by`) has blocked them, both by their ids.

        `accounts_in` gives the ids of accounts that have a room open, on any node.
        """
        self._identities = identities
        self._policies = policies
        self._settings = settings
        self.watched = settings.watched
        """The words that somebody watches for: a message without one of them and without an `@` is for nobody."""
        self._is_blocked = is_blocked
        self._accounts_in = accounts_in

    def resolve(self, author: Author, room: str, text: str) -> Named | None:
        """Find the people that a message is for; None for nobody in particular, as with nearly all messages.

        Guests call people by their names, and not everybody at once. Who may not read the room, or is the author, is
        not meant; who has blocked the author is called by name, and not told.
        """
        has_sign = "@" in text
        if not has_sign and not self.watched:
            return None
        members = self._policies.of(room).members
        accounts: dict[str, MentionReason] = {}
        names: tuple[str, ...] = ()
        everyone: Everyone | None = None
        if has_sign:
            to = addressed(text)
            found = [self._identities.accounts.named(name) for name in to.names]
            named = {each.id: each for each in found if each is not None and self._may_be_meant(each, author, room)}
            # Also who has blocked the author, who must not see that: they are not told.
            names = tuple(named)
            told = [id_ for id_, each in named.items() if self._is_for(each, author, room)]
            accounts.update(dict.fromkeys(told[:MAX_FOR], "name"))
            if author.kind != "guest":
                everyone = "room" if to.is_for_room else "here" if to.is_for_here else None
        if everyone == "here":
            connected = filter(self._identities.is_connected, members)
            self._add(accounts, chain(connected, self._accounts_in(room)), "here", author, room)
        if self.watched and members and (watching := self._settings.watching(words_of(text))):
            self._add(accounts, (each for each in watching if each in members), "keyword", author, room)
        if not accounts and not names and everyone is None:
            return None
        return Named(accounts, names or None, everyone)

    def _add(
        self,
        accounts: dict[str, MentionReason],
        more: Iterable[str],
        why: MentionReason,
        author: Author,
        room: str,
    ) -> None:
        for id_ in more:
            if len(accounts) >= MAX_FOR:
                return
            account = self._identities.accounts.get(id_)
            if id_ not in accounts and account is not None and self._is_for(account, author, room):
                accounts[id_] = why

    def _may_be_meant(self, account: Account, author: Author, room: str) -> bool:
        return (
            account.state == "active" and account.id != author.id and self._policies.account_may(account, "read", room)
        )

    def _is_for(self, account: Account, author: Author, room: str) -> bool:
        return self._may_be_meant(account, author, room) and not self._is_blocked(author.id, by=account.id)


def post(draft: Draft, named: Named, steps: Transaction[Appended] | None = None) -> Transaction[Appended]:
    """Store a message with the mentions that it makes. Raises what an append of it is answered with.

    `steps` append it where that takes more than one.
    """
    stored: Appended = (yield Append(draft)) if steps is None else (yield from steps)
    yield from note(draft, stored, named)
    return stored


def note(draft: Draft, stored: Appended, named: Named) -> Transaction[None]:
    """Store the mentions that a message makes, unless it had been stored before.

    Who has muted the room is not told. A room that is not in somebody's list comes into it.
    """
    if stored.replay:
        return
    room, seq = draft.room, stored.seq
    log: Log = yield FindLog(room)
    for id_, why in named.accounts.items():
        is_member = id_ in log.policy.members
        accounts: list[Account] = yield ACCOUNT(id_)
        if not accounts or accounts[0].state != "active" or (log.policy.access in MEMBERS_ALONE and not is_member):
            continue  # since it was found
        rows: list[MyRoom] = yield MY_ROOM(id_, room)
        if rows and rows[0].level == "nothing":
            continue
        if not rows and not is_member:
            yield from append_to_account(id_, SYSTEM, ReadMoved(room, seq - 1, seq - 1))
            yield ADD_READ(id_, room, seq - 1, seq - 1)
        place = yield from append_to_account(id_, draft.author, Mentioned(room, seq, why))
        yield ADD_MENTION(id_, room, seq, place, why)
    if named.everyone == "room":
        yield ADD_ROOM_MENTION(room, seq, draft.author.id)
        old: list[int] = yield OLD_ROOM_MENTION(room)
        if old:
            yield DROP_OLD_ROOM_MENTIONS(room, old[0])
