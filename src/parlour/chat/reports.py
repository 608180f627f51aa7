"""The verbs of reports: a reader says that a message is against the rules, and moderators look at it."""

from __future__ import annotations

from collections.abc import Sequence

from parlour.chat.guests import Guests
from parlour.chat.policies import Policies
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.recheck import require_unchanged
from parlour.chat.report_rights import reports_seen
from parlour.chat.server_log import append_to_log, by
from parlour.chat.tables.reports import (
    ADD_NOTE,
    ADD_REPORT,
    COUNT_BY_ROOM,
    COUNT_OPEN,
    NOTES_OF,
    OWN_OPEN_REPORTS,
    REPORT,
    REPORTS,
    SET_REPORT_STATE,
    Note,
    Report,
    ReportState,
)
from parlour.chat.transactions import Transaction
from parlour.core.actor import Actor
from parlour.core.addresses import AddressBuckets
from parlour.core.errors import Refusal
from parlour.core.event import Author
from parlour.core.names import line
from parlour.core.payloads import Message, ReportChanged

MAX_REASON_CHARS, MAX_NOTE_CHARS = 300, 1000

MAX_OWN, MAX_OPEN = 20, 1000
"""Open reports of one person, and of all: further ones wait until some are closed."""

REPORTS_PER_H, REPORTS_BURST = 60, 30
"""Of guests, from one address (one /48 of IPv6): another cookie is another person, and costs nothing."""

SHOWN = 100

KEPT_DAYS = 90
"""A closed report, with its notes: so long it can be opened again."""


def require_message(type_: str) -> None:
    """Raise Refusal("forbidden") for an event of another type, which nobody reports."""
    if type_ != Message.type:
        raise Refusal("forbidden", "Only messages are reported, and this is none, or not any more.")


class Reports:
    """Makes reports, and shows them to those who may do something about them. All is on disk when it returns."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, policies: Policies, guests: Guests, *, limits: bool = False
    ) -> None:
        """`limits`: guests report at a rate."""
        self._store = store
        self._clock = clock
        self._ids = ids
        self._policies = policies
        self._guests = guests
        self._rates = AddressBuckets(REPORTS_PER_H / 3600, REPORTS_BURST) if limits else None

    async def report(self, actor: Actor, room: str, seq: int, type_: str, reason: str) -> Report:
        """Report a message of a room that the actor may read: its seq and type. A repeat is the report from before.

        Raises Refusal("bad_text"), ("forbidden") for what is no message, ("rate_limited") for too many.
        """
        self._policies.require(actor, "read", room)
        require_message(type_)
        reason = line(reason, MAX_REASON_CHARS, "reason")
        if not reason:
            raise Refusal("bad_text", "Say why, in a few words.", field="reason")
        author = by(actor) if actor.account is not None else self._guests.author(actor, None)
        name = "" if actor.account is not None else author.name
        if actor.account is None and self._rates is not None:
            wait_s = self._rates.take(actor.address or "", self._clock.monotonic())
            if wait_s > 0.0:
                raise Refusal("rate_limited", "From your address come many reports: wait.", retry_after=wait_s)
        made = Report(f"r_{self._ids.token()}", room, seq, reason, author.id, name, self._clock.now_ms(), "open")
        return await self._store.run(_report(actor, author, made))

    async def all(self, actor: Actor, state: ReportState) -> Sequence[Report]:
        """The newest reports that an actor may look at, `SHOWN` at most. Raises Refusal for who has no account."""
        self._policies.own_account(actor)
        found = await self._store.query(REPORTS(state, MAX_OPEN))  # who moderates one room looks for few among many
        sees = reports_seen(self._policies, actor)
        return [each for each in found if sees(each.room)][:SHOWN]

    async def count(self, actor: Actor, state: ReportState) -> int:
        """How many reports an actor may look at. Raises Refusal for who has no account."""
        self._policies.own_account(actor)
        sees = reports_seen(self._policies, actor)
        return sum(each.reports for each in await self._store.query(COUNT_BY_ROOM(state)) if sees(each.room))

    def sizes(self) -> dict[str, int]:
        """How much there is of what can grow."""
        return {"rates_of_reports": 0 if self._rates is None else len(self._rates)}

    async def notes(self, report: Report) -> Sequence[Note]:
        """The notes about a report, the oldest first. Raises Refusal."""
        return await self._store.query(NOTES_OF(report.id))

    async def change(self, actor: Actor, id_: str, state: ReportState | None, note: str) -> Report:
        """Close or open a report, and note something. Raises Refusal("not_found"), ("bad_text"), …"""
        self._policies.own_account(actor)
        found = await self._store.query(REPORT(id_))
        if not found or not reports_seen(self._policies, actor)(found[0].room):
            raise Refusal("not_found", "There is no such report.")
        note = line(note, MAX_NOTE_CHARS, "note")
        return await self._store.run(_change(actor, id_, state, note, f"o_{self._ids.token()}", self._clock.now_ms()))


def _report(actor: Actor, author: Author, made: Report) -> Transaction[Report]:
    yield from require_unchanged(actor)
    own: list[Report] = yield OWN_OPEN_REPORTS(made.made_by)
    for each in own:
        if (each.room, each.seq) == (made.room, made.seq):
            return each
    count: list[int] = yield COUNT_OPEN()
    if len(own) >= MAX_OWN or count[0] >= MAX_OPEN:
        raise Refusal("rate_limited", "The moderators have not looked at so many reports yet.", retry_after=3600)
    yield ADD_REPORT(*made)
    yield append_to_log(author, ReportChanged("made", made.id, made.room, made.seq))
    return made


def _change(
    actor: Actor, id_: str, state: ReportState | None, note: str, note_id: str, now_ms: int
) -> Transaction[Report]:
    yield from require_unchanged(actor)
    found: list[Report] = yield REPORT(id_)
    if not found:
        raise Refusal("not_found", "There is no such report.")
    report = found[0]
    if note:
        yield ADD_NOTE(note_id, id_, by(actor).id, now_ms, note)
        yield append_to_log(by(actor), ReportChanged("noted", id_, report.room, report.seq))
    if state is not None and state != report.state:
        yield SET_REPORT_STATE(id_, state, now_ms if state == "closed" else 0)
        what: ReportState = state
        yield append_to_log(by(actor), ReportChanged(what, id_, report.room, report.seq))
        report = report._replace(state=state)
    return report
