"""The people in a room now: the fold of the connections that read it, on every node; nothing of it is kept.

Nobody pays for it who does not ask: a connection has nothing of its own here before it says how it is here
(`announce`), and a room is folded when somebody asks, or when it changes and somebody watches it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple, Protocol, cast

from parlour.chat.guests import Guests
from parlour.chat.ports import Clock, Relay
from parlour.core.actor import Actor
from parlour.core.event import Author
from parlour.hub.hub import Hub
from parlour.schema.events import Control, Presence
from parlour.schema.json_line import encode
from parlour.schema.presence import NodePresence, PersonHere, decode_node_presence

PRESENCE, WANTED = "presence", "presence_wanted"
"""The kinds of the notices: who is in a room on a node, and that another node would like to know."""

SHOWN_PEOPLE = 50
FACES = 5
"""People in an item that is shown live; a page has place for so many."""

FOLDED = 500
"""Streams of a room that are folded into people, in a millisecond; of more there is the number, and some."""

TICK_S = 1.0
"""Changes of so long are told at once: a class that comes in is a few items, not thirty."""

READERS_PER_S = 50
"""A room with more readers is told less often: an item goes to all who watch."""

FRESH_S = 30.0
"""What another node has said is asked for again after so long …"""

EXPIRES_S = 75.0
"""… and forgotten after so long, and so is that it wanted to know: a node may die without a word."""

MAX_REMOTE = 10_000
"""Rooms of which it is kept what other nodes have said, and what they want to know."""

MAX_NODES = 64
MAX_TEXT_BYTES = 4000  # of a notice (chat/ports.py)
TOLD_PEOPLE = 20
ANSWER_S = 0.3
"""How long an answer waits for other nodes that have said nothing yet."""


class Here(NamedTuple):
    """How a connection has said that somebody is here."""

    author: Author
    is_away: bool


class Watcher(Protocol):
    """A connection that reads rooms for somebody; `stream.live.LiveSession` is one."""

    actor: Actor

    def rooms_read(self) -> list[str]:
        """The canonical names of its rooms."""

    def show(self, item: Control, room: str | None = None) -> None:
        """Write an item about a room."""


class Roll(NamedTuple):
    """The people in a room: how many, and the first of them."""

    number: int
    people: tuple[PersonHere, ...]


_NOBODY = Roll(0, ())


class Presences:
    """Knows who is in each room. All methods are called on the event loop."""

    def __init__(
        self,
        hub: Hub,
        guests: Guests,
        clock: Clock,
        current: Callable[[Actor], Actor],
        node: str,
        relay: Relay | None = None,
        tick_s: float = TICK_S,
    ) -> None:
        """`current` gives an actor with its account as it is now; `node` is the name of this one among all."""
        self._tick_s = tick_s
        self._hub = hub
        self._guests = guests
        self._clock = clock
        self._current = current
        self._node = node
        self._relay = relay
        self._announced: dict[object, Here] = {}
        self._dirty: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._told: dict[str, tuple[float, int, tuple[PersonHere, ...]]] = {}  # when, and what
        self._remote: dict[str, dict[str, tuple[float, NodePresence]]] = {}
        self._asked: dict[str, float] = {}
        self._wanted: dict[str, float] = {}  # until when other nodes want to know of a room
        hub.presences = self
        if relay is not None:
            relay.listen(PRESENCE, self._told_elsewhere)
            relay.listen(WANTED, self._wanted_elsewhere)

    def announce(self, reader: Watcher, author: Author, *, is_away: bool) -> None:
        """A connection is somebody's from now on, who looks or is away; it is told of every change from now on."""
        self._announced[reader] = Here(author, is_away)
        for room in reader.rooms_read():
            self._ask(room)
            self.changed(room)
            self._show(room, [reader], self.here(room))

    def gone(self, reader: object) -> None:
        """A connection has ended."""
        self._announced.pop(reader, None)

    def changed(self, room: str) -> None:
        """Somebody has come into a room, or has left it."""
        if self._announced or room in self._wanted:
            self._dirty.add(room)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._tick)

    def here(self, room: str) -> Roll:
        """The people in a room, on all nodes."""
        local = self._local(room)
        remote = self._elsewhere(room)
        if not remote:
            return local
        people = {person.id: person for person in local.people}
        count, twice = local.number, 0
        for other in remote:
            count += other.count
            for person in other.people:
                known = people.get(person.id)
                twice += known is not None
                if known is None or known.away:
                    people[person.id] = person
        return Roll(count - twice, _in_order(people.values()))

    def accounts_in(self, room: str) -> set[str]:
        """The ids of accounts that have a room open, also of those who are not shown there: some hundreds at most.

        Those of other nodes are among them as far as these have said it.
        """
        channel = self._hub.known_channel(room)
        readers = () if channel is None else islice(channel.each_reader(), FOLDED)
        actors = (cast("Watcher", reader).actor for reader in readers)
        found = {actor.account.id for actor in actors if actor.account is not None}
        return found.union(person.id for told in self._elsewhere(room) for person in told.people)

    async def ask_others(self, room: str) -> None:
        """Give other nodes, where there can be some, a moment to say who is there with them."""
        if self._ask(room):
            await asyncio.sleep(ANSWER_S)

    def close(self) -> None:
        """Tell nobody any more."""
        if self._timer is not None:
            self._timer.cancel()

    def sizes(self) -> dict[str, int]:
        """How much there is of everything that can grow."""
        return {
            "presence_announced": len(self._announced),
            "presence_rooms_told": len(self._told),
            "presence_rooms_elsewhere": len(self._remote),
            "presence_rooms_asked": len(self._asked),
            "presence_rooms_wanted": len(self._wanted),
        }

    def _local(self, room: str) -> Roll:
        channel = self._hub.known_channel(room)
        if channel is None:
            return _NOBODY
        if channel.readers > FOLDED:
            some = _fold(self._connections(islice(channel.each_reader(), 4 * SHOWN_PEOPLE)))
            return Roll(channel.readers, _in_order(some))
        people = _fold(self._connections(channel.each_reader()))
        return Roll(len(people), _in_order(people))

    def _connections(self, readers: Iterable[object]) -> Iterator[Here]:
        announced = self._announced
        for reader in readers:
            actor = self._current(cast("Watcher", reader).actor)
            if actor.kind == "system" or (actor.account is not None and actor.account.hidden):
                continue
            known = announced.get(reader)
            if known is None:
                yield Here(self._guests.author(actor, None), is_away=False)
            elif actor.account is None:
                yield known
            else:  # it may be called otherwise by now
                yield Here(self._guests.author(actor, None), known.is_away)

    def _tick(self) -> None:
        """Tell of the rooms that have changed."""
        self._timer = None
        now = self._clock.monotonic()
        dirty, self._dirty = self._dirty, set()
        for room in dirty:
            channel = self._hub.known_channel(room)
            told = self._told.get(room)
            if channel is None:
                self._told.pop(room, None)
            elif told is not None and now - told[0] < channel.readers / READERS_PER_S - TICK_S:
                self.changed(room)  # a little later
                continue
            if self._wanted.get(room, 0.0) > now:
                self._tell_others(room)
            else:
                self._wanted.pop(room, None)
            if channel is None:
                continue
            roll = self.here(room)
            if told is not None and told[1:] == roll:
                continue
            watchers = [reader for reader in channel.each_reader() if reader in self._announced]
            if watchers:
                self._told[room] = (now, *roll)
                self._ask(room)
                self._show(room, watchers, roll)
            else:
                self._told.pop(room, None)

    def _show(self, room: str, readers: Iterable[object], roll: Roll) -> None:
        item = Presence(room, roll.number, roll.people[:FACES])
        for reader in readers:
            cast("Watcher", reader).show(item, room)

    def _ask(self, room: str) -> bool:
        """Have other nodes say who is in a room; whether nothing is known yet of what they have."""
        now = self._clock.monotonic()
        if self._relay is None or now - self._asked.get(room, -FRESH_S) < FRESH_S:
            return False
        if len(self._asked) >= MAX_REMOTE:
            self._asked = {room: at for room, at in self._asked.items() if now - at < FRESH_S}
        if len(self._asked) >= MAX_REMOTE:
            return False
        self._asked[room] = now
        self._relay.publish(WANTED, room, self._node)
        return not self._elsewhere(room)

    def _wanted_elsewhere(self, room: str, text: str) -> None:
        if text == self._node or self._hub.known_channel(room) is None:
            return
        now = self._clock.monotonic()
        if room not in self._wanted and len(self._wanted) >= MAX_REMOTE:
            self._wanted = {each: until for each, until in self._wanted.items() if until > now}
            if len(self._wanted) >= MAX_REMOTE:
                return
        self._wanted[room] = now + EXPIRES_S
        self._tell_others(room)

    def _tell_others(self, room: str) -> None:
        if self._relay is None:
            return
        roll = self._local(room)
        people = roll.people[:TOLD_PEOPLE]
        text = encode(NodePresence(self._node, roll.number, people)).decode()
        while len(text.encode()) > MAX_TEXT_BYTES:
            people = people[: len(people) // 2]
            text = encode(NodePresence(self._node, roll.number, people)).decode()
        self._relay.publish(PRESENCE, room, text)

    def _told_elsewhere(self, room: str, text: str) -> None:
        """Raises msgspec.MsgspecError."""
        told = decode_node_presence(text)
        is_plausible = told.node != self._node and 0 <= told.count <= 1_000_000 and len(told.people) <= TOLD_PEOPLE
        if not is_plausible or self._hub.known_channel(room) is None:
            return
        if room not in self._remote and len(self._remote) >= MAX_REMOTE:
            for each in list(self._remote):
                self._elsewhere(each)  # forgets what has expired
            if len(self._remote) >= MAX_REMOTE:
                return
        nodes = self._remote.setdefault(room, {})
        if told.node not in nodes and len(nodes) >= MAX_NODES:
            return
        nodes[told.node] = (self._clock.monotonic() + EXPIRES_S, told)
        self.changed(room)

    def _elsewhere(self, room: str) -> list[NodePresence]:
        nodes = self._remote.get(room)
        if nodes is None:
            return []
        now = self._clock.monotonic()
        fresh = {node: each for node, each in nodes.items() if each[0] > now}
        if fresh:
            self._remote[room] = fresh
        else:
            del self._remote[room]
        return [told for _, told in fresh.values()]


def _fold(connections: Iterable[Here]) -> list[PersonHere]:
    """Each person once; who looks by one connection is not away."""
    found: dict[str, PersonHere] = {}
    for author, is_away in connections:
        known = found.get(author.id)
        if known is None or (known.away and not is_away):
            found[author.id] = PersonHere(author.id, author.name, author.kind, author.hue, is_away)
    return list(found.values())


def _in_order(people: Iterable[PersonHere]) -> tuple[PersonHere, ...]:
    """Members before guests, those who look first, by name: the same order each time."""
    return tuple(sorted(people, key=lambda each: (each.away, each.kind == "guest", each.name.casefold())))[
        :SHOWN_PEOPLE
    ]
