"""What the tables of a database must say: the fold of its logs, made of nothing but the events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import msgspec

from parlour.chat.tables.accounts import ALL_ACCOUNTS
from parlour.chat.tables.blocks import ALL_BLOCKS
from parlour.core.accounts import Account
from parlour.core.event import Stored
from parlour.core.names import PRIVATE
from parlour.core.payloads import (
    POLICY_TYPES,
    SERVER_LOG,
    AccountChanged,
    BlockChanged,
    GuestLinkChanged,
    InvitationChanged,
    MemberChanged,
    PassChanged,
    Payload,
    SignInChanged,
)
from parlour.core.policy import NO_POLICY, Policy
from parlour.schema.event_json import payload_of
from parlour.store.policy_columns import policy_of
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.tables import run_query


class _Head(msgspec.Struct):
    room: str
    seq: int
    type: str


_decode = msgspec.json.Decoder(_Head).decode


@dataclass
class Fold:
    """What the events that it is fed with say."""

    policies: dict[str, Policy] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    sign_ins: dict[str, str] = field(default_factory=dict)
    """Id of a session or token to its account."""
    invitations: dict[str, int] = field(default_factory=dict)
    """Id to how often it has been used."""
    blocks: set[tuple[str, str]] = field(default_factory=set)
    """Who has blocked whom."""
    guest_links: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Id to the rooms."""
    passes: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """Id to link, name and state."""

    def add(self, room: str, seq: int, payload: Payload) -> None:
        """Go on with the next event of a log."""
        match payload:
            case AccountChanged():
                self._add_account(payload.account)
            case BlockChanged(what="made"):
                self.blocks.add((payload.account, payload.blocked))
            case BlockChanged():
                self.blocks.discard((payload.account, payload.blocked))
            case SignInChanged(what="begun"):
                self.sign_ins[payload.sign_in] = payload.account
            case SignInChanged():
                self.sign_ins.pop(payload.sign_in, None)
            case InvitationChanged(what="made"):
                self.invitations[payload.invitation] = 0
            case InvitationChanged(what="used"):
                self.invitations[payload.invitation] += 1
            case InvitationChanged():
                self.invitations.pop(payload.invitation, None)
            case GuestLinkChanged() | PassChanged():
                self._add_of_guests(payload)
            case _ if payload.type in POLICY_TYPES:
                self.policies[room] = self.policies.get(room, NO_POLICY).after(seq, payload)

    def _add_account(self, account: Account) -> None:
        self.accounts[account.id] = account
        if account.state == "deleted":
            self.blocks = {pair for pair in self.blocks if account.id not in pair}
        if account.state != "active":
            self.sign_ins = {id_: by for id_, by in self.sign_ins.items() if by != account.id}

    def _add_of_guests(self, payload: GuestLinkChanged | PassChanged) -> None:
        match payload:
            case GuestLinkChanged(what="ended"):
                self.guest_links.pop(payload.link, None)
                self.passes = {id_: each for id_, each in self.passes.items() if each[0] != payload.link}
            case GuestLinkChanged():
                self.guest_links[payload.link] = payload.into
            case PassChanged(what="left"):
                self.passes.pop(payload.guest, None)
            case PassChanged():
                self.passes[payload.guest] = (payload.link, payload.name, payload.state)


def events_of(connection: apsw.Connection) -> Iterator[tuple[str, int, Payload]]:
    """Room, seq and payload of every event, room by room in the order of its log. Raises apsw.Error."""
    for (body,) in connection.execute("SELECT body FROM events WHERE id >> 36 ORDER BY id"):
        assert isinstance(body, bytes)
        head = _decode(body)
        yield head.room, head.seq, payload_of(Stored(head.seq, body, head.type))


def wrong_about_tables(connection: apsw.Connection) -> list[str]:
    """Where the tables of a database are not the fold of its logs; its rooms must have lost nothing to retention."""
    fold = Fold()
    for room, seq, payload in events_of(connection):
        fold.add(room, seq, payload)
    policies = {str(name): policy_of(columns) for name, *columns in connection.execute(sql.POLICIES)}
    accounts = {account.id: account for account in run_query(connection, ALL_ACCOUNTS())}
    sign_ins = dict(connection.execute("SELECT id, account FROM sign_ins"))
    made = {str(id_) for (id_,) in connection.execute("SELECT id FROM invitations")}
    links = {
        str(id_): tuple(str(rooms).split()) for id_, rooms in connection.execute("SELECT id, rooms FROM guest_links")
    }
    passes = {id_: tuple(each) for id_, *each in connection.execute("SELECT id, link, name, state FROM passes")}
    pairs: tuple[tuple[str, object, object], ...] = (
        ("rooms and members", policies, fold.policies),
        ("accounts", accounts, fold.accounts),
        ("sessions and tokens", sign_ins, fold.sign_ins),
        ("invitations", made, set(fold.invitations)),
        ("blocks", {(block.blocker, block.blocked) for block in run_query(connection, ALL_BLOCKS())}, fold.blocks),
        ("guest links", links, fold.guest_links),
        ("passes", passes, fold.passes),
    )
    wrong = [f"the table of {what} is {table}, the fold of the log {log}" for what, table, log in pairs if table != log]
    return wrong + list(_wrong_about_rooms(fold.policies))


def _wrong_about_rooms(policies: dict[str, Policy]) -> Iterator[str]:
    for room, policy in policies.items():
        if (policy.access in ("private", "direct")) is not room.startswith(PRIVATE) or room == SERVER_LOG:
            yield f"{room} is {policy.access}"


def wrong_about_file(database: Path) -> list[str]:
    """The same about a database that no server has open."""
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return wrong_about_tables(connection)
    finally:
        connection.close()


def owners_stay(events: Iterator[tuple[str, int, Payload]]) -> list[str]:
    """Where a room that had an owner has none any more."""
    policies: dict[str, Policy] = {}
    wrong = []
    for room, seq, payload in events:
        if isinstance(payload, MemberChanged) or payload.type in POLICY_TYPES:
            before = policies.get(room, NO_POLICY)
            policies[room] = before.after(seq, payload)
            if before.owners() and not policies[room].owners():
                wrong.append(f"{room} has no owner from {seq} on")
    return wrong
