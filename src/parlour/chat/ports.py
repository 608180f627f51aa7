"""The four ports of the chat: Store, Relay, Clock, Ids; their docstrings are the contract of every implementation.

One contract suite (tests/contract) runs over all implementations of a port.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from parlour.chat.statements import Query, R
from parlour.chat.transactions import T, Transaction
from parlour.core.errors import Refusal
from parlour.core.event import Answer, Draft, Log, Stored
from parlour.core.payloads import Level
from parlour.core.policy import Policy

OnAnswer: TypeAlias = Callable[[Answer], None]
"""Is told the answer to a draft, once, on the event loop."""


class Commit(NamedTuple):
    """The events that one transaction added to one room: consecutive, oldest first, never empty."""

    room: str
    events: Sequence[Stored]


class RoomSummary(NamedTuple):
    """A room that has events, for lists; without its policy.

    `active_at` is the time of its newest event (`2026-11-22T06:41:23.123Z`).
    """

    room: str
    log: Log
    active_at: str


class Unread(NamedTuple):
    """The unread messages of an account in a room: the fold of the room's log and of its own (`chat/tables/inbox.py`).

    `unread` counts the messages after `read_seq` that are not its own, `mentions` those of them that are for it.
    `active_at` is the time of the newest event. `level` is None where the account has set none.
    """

    account: str
    room: str
    first_seq: int
    head_seq: int
    active_at: str
    read_seq: int
    unread: int
    mentions: int
    level: Level | None
    is_favourite: bool


class DamagedEvents(Refusal):
    """Refusal("storage_unavailable"): the events `first` to `last` of a room are damaged or missing.

    There may be more of them on the far side. The problem document has them as `room`, `seq` and `last_seq`.
    """

    __slots__ = ("first", "last")

    def __init__(self, room: str, first: int, last: int, detail: str) -> None:
        self.first = first
        self.last = last
        super().__init__("storage_unavailable", detail, extra={"room": room, "seq": first, "last_seq": last})


class Store(Protocol):
    """The logs of all rooms. All methods are called on the event loop and none blocks it.

    Order: one total order per room. The events of a room are numbered 1, 2, 3 … without holes; if one append had
    been answered before another began, its seq is smaller; appends made from one loop iteration keep their order.

    Durability: an append is answered with its event only after that is committed and synced to disk.
    """

    @property
    def epoch(self) -> str:
        """The epoch of all logs in this store: 1 to 16 of `0-9a-z`, fixed for the life of the data."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes may write to the logs: then memory is never known to have all of one."""

    @property
    def secret(self) -> bytes:
        """32 random bytes made with the data, stable for its life: the root of derived ids."""

    def on_commit(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        """Call `listener` on the loop with every transaction's new events, in log order, each exactly once.

        The next transaction is not begun before it has returned and the senders are answered: a slow listener makes the
        next batch bigger by itself. One that goes on with its work afterwards can `pause` the store.
        """

    def pause(self, is_paused: bool) -> None:
        """Begin no transaction until told to go on (False) or closed: readers are still being given the last events.

        One switch for everybody, to be set by a listener of commits. A transaction under way is finished and announced;
        drafts are queued meanwhile as always.
        """

    def on_redact(self, listener: Callable[[str, Stored], None]) -> None:
        """Call `listener` on the loop with a room and what has taken the place of one of its events.

        That is a tombstone, or the same event without what it said of an account that was deleted.

        After the listeners of commits, and before whoever asked for it is answered. Every copy of what the event said
        has to go.
        """

    def on_trim(self, listener: Callable[[str, int], None]) -> None:
        """Call `listener` on the loop with a room and its new `first_seq` after the beginning of its log was dropped.

        Reads stop showing the dropped events a moment before it is called. The newest event of a room stays.
        """

    def on_policy(self, listener: Callable[[str, Policy], None]) -> None:
        """Call `listener` on the loop with a room and its newest policy, where other nodes write to the store too.

        Before the listeners of commits, and also for what another node has committed.
        """

    def on_head(self, listener: Callable[[str, int], None]) -> None:
        """Call `listener` on the loop with a room and the seq of an event that another node has added to it.

        Its events can be read. The log of the server is told whole and in order as commits instead. So are
        redactions and lost beginnings, by the listeners for them. Within two seconds, as a rule at once.
        """

    def follow(self) -> None:
        """Begin to tell of what other nodes commit; called once, after everything else has been read."""

    async def catch_up(self) -> None:
        """Return when the listeners have been told of all that other nodes had committed when this was called.

        Raises Refusal("storage_unavailable").
        """

    async def lead(self, work: str) -> None:
        """Return when this node is the only one to do a piece of work; it is for as long as it reaches the store."""

    def append(self, draft: Draft, done: OnAnswer) -> None:
        """Queue a draft; never waits. `done` is called once, on the loop, after this has returned; a sender who is gone
        by then ignores it, for a draft cannot be taken back.

        The answer is the durable event. A draft whose `(room, author.id, key)` is stored already (or queued: then both
        get the same event) is answered from the log with `replay=True` and stores nothing; other content (type, payload
        or ref) under that key is answered with Refusal("key_reused"). A draft that would make its room is answered with
        `if_first`, where it has one; one that was judged before the newest policy event of its room, repeat or not,
        with what `judge` says of that (see `Draft`). Other answers: Refusal("storage_full") and
        ("storage_unavailable") when nothing was stored, Refusal("outcome_unknown") when a sync failed: then no append
        succeeds any more, and one with a key stays unknown too, because it may be the repeat of a stored one.

        Raises Refusal, and then never calls `done`, when the draft is not even queued: ("overloaded") when the queue is
        full, ("draining") after `close`, and after a failed sync as above.
        """

    def run(self, transaction: Transaction[T], size: int = 0) -> Future[T]:
        """Queue a transaction among the drafts; the future has what it returns, once that is committed and synced.

        It may share its commit with drafts and other transactions, in the order of the queue, and sees what those
        before it have done. If it raises a Refusal, or a step raises one that it does not catch, nothing of it is
        stored and the future fails with it; any other error is logged, and is Refusal("internal") here. The future also
        fails like an append of a draft without a key. Cancelling it does not take the transaction back. `size` is
        the bytes that it keeps in memory while it waits, beside a few.
        """

    async def log(self, room: str) -> Log:
        """The extent of a room's log and its policy; Log(1, 0) for a room that has no events."""

    async def newest(self, room: str) -> tuple[int, int]:
        """The seqs of the newest event of a room and of its newest policy event, 0 where there is none."""

    async def after(self, room: str, seq: int, limit: int, max_bytes: int = 262144) -> list[Stored]:
        """Events with a greater seq than `seq`, oldest first, at most `limit`.

        Stops before `max_bytes` of JSON are passed, but returns at least one event if there is any.
        Events below the retention horizon do not exist any more. Also stops before a damaged event, and raises
        DamagedEvents if that is the first; Refusal("storage_unavailable") when the disk cannot be read.
        """

    async def before(self, room: str, seq: int, limit: int, max_bytes: int = 1048576) -> list[Stored]:
        """The newest events with a smaller seq than `seq`, at most `limit`, oldest first.

        When `max_bytes` or a damaged event cuts, the newest are kept. Raises like `after`.
        """

    async def query(self, query: Query[R]) -> list[R]:
        """The rows of a statement that changes nothing, as of a moment after this call. Raises like `log`."""

    async def rooms(self, limit: int) -> list[RoomSummary]:
        """The rooms with the newest events, last active first (at equal times by name), at most `limit` (≤ 1024).

        Without private ones, and without the logs that are no rooms.
        """

    async def summaries(self, rooms: Sequence[str]) -> list[RoomSummary]:
        """Those of these rooms that have events, in no order; also private ones. Raises like `log`."""

    async def unread(self, pairs: Sequence[tuple[str, str]]) -> list[Unread]:
        """The unread messages of accounts in rooms; `pairs` are the id of an account and a room. Raises like `log`.

        Without those of rooms that have no events. It asks nobody's right.
        """

    async def policies(self) -> dict[str, Policy]:
        """Every room that has a policy event, with the policy at the end of its log. Raises like `log`."""

    def is_ready(self) -> bool:
        """Whether an append would be tried now (false when full, failed or closing)."""

    async def close(self) -> None:
        """Finish what is queued, then release the data; later appends raise Refusal("draining")."""


class Relay(Protocol):
    """Brings notices from one node to the others: of commits, and of what is not kept, such as who is typing.

    It may lose, repeat, reorder and delay them, or be gone. Then only latency suffers: whoever depends on them also
    looks for themselves. All methods are called on the event loop, and none waits but `close`.
    """

    def start(self, secret: bytes) -> None:
        """Begin, among the nodes whose stores have this `Store.secret`. What is published before is lost."""

    def listen(self, kind: str, listener: Callable[[str, str], None]) -> None:
        """Call `listener` with the room and the text of notices of a kind that other nodes publish.

        Those with a room come for rooms that are subscribed to; the room is empty in those for every node.
        """

    def subscribe(self, room: str) -> None:
        """Hear of a room from now on. May be called again."""

    def unsubscribe(self, room: str) -> None:
        """Hear of a room no more."""

    def publish(self, kind: str, room: str, text: str) -> None:
        """Tell the other nodes; with a room, those that have subscribed to it, else all of them.

        `text` is one line: at most 4000 bytes in UTF-8, without control characters; `kind` is a word.
        """

    async def close(self) -> None:
        """End it; nothing is heard any more."""


class Clock(Protocol):
    """Time, so that tests can wind it by hand. May be asked from any thread."""

    def now_ms(self) -> int:
        """Wall-clock time in milliseconds since 1970, UTC. Informative only: no order or deadline depends on it."""

    def monotonic(self) -> float:
        """Seconds that never go back; for deadlines and rates."""


class Ids(Protocol):
    """Unpredictable values, so that tests can count them."""

    def token(self) -> str:
        """A fresh secret of 128 bits, as 22 characters of base64url."""

    def secret(self) -> str:
        """A fresh secret of 256 bits, as 43 characters of base64url."""

    def fraction(self) -> float:
        """A number in [0, 1) for jitter."""
