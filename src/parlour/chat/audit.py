"""The log of the server for its owners: reading it, and verifying that nobody has changed it behind its back."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from parlour.chat.audit_chain import add_links, digest_of, next_link
from parlour.chat.policies import Policies
from parlour.chat.ports import DamagedEvents, Store
from parlour.chat.tables.audit import LAST_LINK, LINKS_AFTER, Link
from parlour.core.actor import Actor
from parlour.core.event import Stored
from parlour.core.payloads import SERVER_LOG, BlockChanged, Rewritten

PAGE = 500

SHOWN_WRONG = 100
"""Of what is wrong, at most; more says nothing more."""

PRIVATE_TYPES = frozenset({BlockChanged.type})
"""Types of events that owners are shown the digest of, and not what they say: whom somebody has blocked."""

_decode_rewritten = msgspec.json.Decoder(Rewritten).decode

_log = logging.getLogger("parlour.chat")


class Entry(NamedTuple):
    """An event with its link, which it has unless it is from a time before and just being linked."""

    event: Stored
    link: Link | None


class Verdict(NamedTuple):
    """How many events were verified, the newest link, and what is wrong, a sentence each."""

    events: int
    head: Link | None
    wrong: Sequence[str]


class Audit:
    """Reads the log of the server."""

    def __init__(self, store: Store, policies: Policies) -> None:
        self._store = store
        self._policies = policies

    async def fill(self) -> None:
        """Link the events of a log that is older than the chain; nothing if all are linked. Raises Refusal."""
        while True:
            last = await self._store.query(LAST_LINK())
            first = (await self._store.log(SERVER_LOG)).first_seq
            try:
                events = await self._store.after(SERVER_LOG, max(last[0].seq if last else 0, first - 1), PAGE)
            except DamagedEvents as damage:
                _log.error("the log of the server cannot be chained: %s", damage.detail)
                return
            if not events:
                return
            await self._store.run(add_links(events))

    async def newest(self, actor: Actor, before: int | None, limit: int) -> Sequence[Entry]:
        """The newest entries below a seq (None: of all), oldest first. Raises Refusal."""
        self._policies.require(actor, "audit", None)
        head = (await self._store.log(SERVER_LOG)).head_seq
        events = await self._store.before(SERVER_LOG, head + 1 if before is None else before, limit)
        return await self._entries(events)

    async def after(self, actor: Actor, seq: int, limit: int) -> Sequence[Entry]:
        """Entries behind a seq, oldest first. Raises Refusal."""
        self._policies.require(actor, "audit", None)
        log = await self._store.log(SERVER_LOG)
        if seq >= log.head_seq:
            return ()
        return await self._entries(await self._store.after(SERVER_LOG, max(seq, log.first_seq - 1), limit))

    async def _entries(self, events: Sequence[Stored]) -> Sequence[Entry]:
        if not events:
            return ()
        rows = await self._store.query(LINKS_AFTER(events[0].seq - 1, len(events)))
        links = {link.seq: link for link in rows}
        return [Entry(event, links.get(event.seq)) for event in events]

    async def verify(self, actor: Actor, noted: tuple[int, str] | None = None) -> Verdict:
        """Compare the log with its chain. `noted` is a link that somebody has noted elsewhere: its seq and its hash.

        Finds what was changed, removed, put in another order, or cut off at the end of one of the two. Who can write to
        the database can make another chain: only a noted link tells. Raises Refusal.
        """
        self._policies.require(actor, "audit", None)
        before = await self._store.log(SERVER_LOG)
        check = _Check(before.first_seq, noted)
        seq = -1
        while links := await self._store.query(LINKS_AFTER(seq, PAGE)):
            for link in links:
                check.link(link)
            seq = links[-1].seq
        if before.head_seq > check.end:
            check.wrong.append(f"The chain ends at {check.end}, and the log at {before.head_seq}: its end was cut off.")
        try:
            while check.seq < check.end and (events := await self._store.after(SERVER_LOG, check.seq, PAGE)):
                rows = await self._store.query(LINKS_AFTER(events[0].seq - 1, len(events)))
                digests = {link.seq: link.digest for link in rows}
                for event in events:
                    check.event(event, digests.get(event.seq))
        except DamagedEvents as damage:
            check.wrong.append(f"Events {damage.first} to {damage.last} are damaged or missing.")
        return check.verdict()


class _Check:
    """What is found while the links, and then the events, are gone through in order."""

    def __init__(self, first: int, noted: tuple[int, str] | None) -> None:
        self.wrong: list[str] = []
        self.seq = first - 1
        """The event that was looked at last."""
        self._other: dict[int, str] = {}  # events with other bytes than their links say
        self._rewritten: dict[int, str] = {}
        self._first = first
        self._noted = noted
        self._head: Link | None = None
        self._count = 0

    @property
    def end(self) -> int:
        """The seq of the newest link; 0 if there is none."""
        return 0 if self._head is None else self._head.seq

    def link(self, link: Link) -> None:
        """The next link. Retention drops events, and no links."""
        before = self._head
        if before is not None and link.seq != before.seq + 1:
            self.wrong.append(f"The links between {before.seq} and {link.seq} are missing.")
        elif before is None and link.seq > self._first:
            self.wrong.append(f"The links before {link.seq} are missing.")
        if link.hash != next_link(before, link.seq, link.digest).hash:
            self.wrong.append(f"The link of event {link.seq} does not follow on the one before.")
        if self._noted is not None and link.seq == self._noted[0] and link.hash != self._noted[1]:
            self.wrong.append(f"The link of event {link.seq} is not the one that was noted.")
        self._head = link

    def event(self, event: Stored, linked: str | None) -> None:
        """The next event, with the digest in its link."""
        if event.seq > self.end:
            return  # appended meanwhile
        if event.seq != self.seq + 1:
            self.wrong.append(f"The events between {self.seq} and {event.seq} are missing.")
        self.seq, self._count = event.seq, self._count + 1
        digest = digest_of(event.json)
        if digest != linked:
            self._other[event.seq] = digest
        elif event.type == Rewritten.type:
            rewritten = _decode_rewritten(event.json)
            self._rewritten.update(zip(rewritten.seqs, rewritten.digests, strict=True))

    def verdict(self) -> Verdict:
        """The result of the verification."""
        for seq, digest in self._other.items():
            if self._rewritten.get(seq) != digest:
                self.wrong.append(f"Event {seq} is not what was stored.")
        if self.end > self.seq:
            self.wrong.append(f"The log ends at {self.seq}, and its chain at {self.end}: the end was cut off.")
        if self._noted is not None and self._noted[0] > self.end:
            self.wrong.append(f"The chain ends before {self._noted[0]}, which was noted: the end was cut off.")
        return Verdict(self._count, self._head, self.wrong[:SHOWN_WRONG])
