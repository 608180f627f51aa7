"""Makes histories that keep the contract: a model of a server under senders that retry and readers that resume."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from tests.checker.history import CaughtUp, Entry, History, Opened, Received, Reset, Send, digest

EPOCH = "e1"
ROOMS = ("lobby", "dev")


@dataclass
class _Sender:
    name: str
    key: str = ""
    text: str = ""
    sent_at: float = 0.0
    attempts: int = 0
    lines: int = 0
    is_waiting: bool = False
    has_unknown: bool = False
    is_stored: bool = False
    was_there: bool = False
    room: str = ""
    done: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass
class _Reader:
    name: str
    room: str
    lines: int = 0
    is_open: bool = False
    client_seq: int = 0
    seq: int = 0


class Model:
    """A server with one log a room; every step is one thing that happens to one client."""

    def __init__(self, random: Random, senders: int, readers: int) -> None:
        self.random = random
        self.now = 0.0
        self.history = History()
        self.logs: dict[str, list[Entry]] = {room: [] for room in ROOMS}
        self.senders = [_Sender(f"s{number}") for number in range(senders)]
        self.readers = [_Reader(f"r{number}", ROOMS[number % 2]) for number in range(readers)]

    def run(self, steps: int) -> History:
        """Let things happen, then come to rest: all is answered and read."""
        for _ in range(steps):
            self._tick()
            clients: list[_Sender | _Reader] = [*self.senders, *self.readers]
            client = self.random.choice(clients)
            if isinstance(client, _Reader):
                self._read(client)
            elif client.is_waiting:
                self._progress(client)
            else:
                self._begin(client)
        for sender in self.senders:
            while sender.is_waiting or sender.has_unknown:
                self._tick()
                self._progress(sender) if sender.is_waiting else self._begin(sender)
        for reader in self.readers:
            if not reader.is_open:
                self._open(reader)
            while reader.seq < len(self.logs[reader.room]):
                self._deliver(reader)
            self._caught_up(reader)
        self.history.log = [entry for log in self.logs.values() for entry in log]
        return self.history

    def _tick(self) -> float:
        self.now += 1.0
        return self.now

    def _begin(self, sender: _Sender) -> None:
        if not sender.has_unknown:
            if sender.done and self.random.random() < 0.2:
                sender.room, sender.key, sender.text = self.random.choice(sender.done)
            else:
                sender.attempts += 1
                sender.room = self.random.choice(ROOMS)
                sender.key, sender.text = f"{sender.name}-{sender.attempts}", digest(f"{sender.name} {sender.attempts}")
        sender.is_waiting = True
        sender.sent_at = self.now
        sender.is_stored = sender.was_there = self._find(sender) is not None

    def _find(self, sender: _Sender) -> Entry | None:
        name = (sender.name, sender.key)
        return next((entry for entry in self.logs[sender.room] if (entry.author, entry.key) == name), None)

    def _progress(self, sender: _Sender) -> None:
        choice = self.random.random()
        if not sender.is_stored and choice < 0.6:
            log = self.logs[sender.room]
            seq = len(log) + 1
            event = digest(f"{seq} {sender.text}")
            log.append(Entry(sender.room, EPOCH, seq, sender.name, sender.key, sender.text, event))
            sender.is_stored = True
        elif choice < 0.8:
            self._answer(sender, "unknown")
            sender.has_unknown = True
            sender.lines += 1
        elif sender.is_stored:
            entry = self._find(sender)
            assert entry is not None
            event = entry.event if self.random.random() < 0.5 else ""
            self._answer(sender, "ack", entry.seq, event, sender.was_there)
            sender.done.append((sender.room, sender.key, sender.text))
            sender.has_unknown = False
        elif not sender.has_unknown:
            self._answer(sender, "known_fail")

    def _answer(self, sender: _Sender, outcome: str, seq: int = 0, event: str = "", replay: bool = False) -> None:
        line = f"{sender.name}.{sender.lines}"
        head = (sender.name, line, sender.room, sender.name, sender.key, sender.text, sender.sent_at, self.now)
        assert outcome in ("ack", "known_fail", "unknown")
        self.history.sends.append(Send(*head, outcome, EPOCH, seq, event, replay))  # type: ignore[arg-type]
        sender.is_waiting = False

    def _read(self, reader: _Reader) -> None:
        if not reader.is_open:
            self._open(reader)
        elif reader.seq < len(self.logs[reader.room]):
            self._deliver(reader)
        elif self.random.random() < 0.5:
            self._caught_up(reader)
        else:
            reader.is_open = False

    def _open(self, reader: _Reader) -> None:
        reader.is_open = True
        reader.lines += 1
        reader.seq = max(0, reader.client_seq - self.random.choice((0, 0, 1, 3)))
        line = f"{reader.name}.{reader.lines}"
        self.history.readings.append(Opened(reader.name, line, "sse", reader.room, self.now, EPOCH, reader.seq))
        if self.random.random() < 0.05:  # told so, a client may lose its place
            self.history.readings.append(Reset(reader.name, line, reader.room, self.now, EPOCH, "too_far_behind"))
            reader.seq = len(self.logs[reader.room])
            reader.client_seq = max(reader.client_seq, reader.seq)
            self._caught_up(reader)

    def _deliver(self, reader: _Reader) -> None:
        entry = self.logs[reader.room][reader.seq]
        reader.seq += 1
        reader.client_seq = max(reader.client_seq, reader.seq)
        line = f"{reader.name}.{reader.lines}"
        place = (EPOCH, entry.seq, entry.author, entry.key, entry.text, entry.event)
        self.history.readings.append(Received(reader.name, line, reader.room, self.now, *place))

    def _caught_up(self, reader: _Reader) -> None:
        line = f"{reader.name}.{reader.lines}"
        self.history.readings.append(CaughtUp(reader.name, line, reader.room, self.now, EPOCH, reader.seq))


def clean_history(seed: int, senders: int = 3, readers: int = 3, steps: int = 200) -> History:
    """A history that keeps the contract, the same for the same arguments."""
    return Model(Random(seed), senders, readers).run(steps)
