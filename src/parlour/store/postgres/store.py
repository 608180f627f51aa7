"""The store on PostgreSQL: joins the queue, the connection that writes and those that read to the Store port."""

from __future__ import annotations

import asyncio
import logging
from asyncio import AbstractEventLoop, Task, TimerHandle
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import asyncpg

from parlour import log
from parlour.chat.ports import Clock, Commit, DamagedEvents, Ids, Relay, RoomSummary, Unread
from parlour.chat.statements import Query, R
from parlour.core.cursor import MAX_SEQ
from parlour.core.errors import Refusal
from parlour.core.event import Log, Stored
from parlour.core.payloads import SERVER_LOG, ServerChanged
from parlour.core.policy import Policy
from parlour.core.store_address import without_password
from parlour.store import recent
from parlour.store.changes import Batch, Outcome, after_failure
from parlour.store.commit_queue import QUEUE_BYTES, CommitQueue
from parlour.store.errors import StoreError
from parlour.store.postgres import pages
from parlour.store.postgres import statements as sql
from parlour.store.postgres.batch import EventLog
from parlour.store.postgres.connect import GONE, ConnectionLost, check, connect, open_connection, reason_of
from parlour.store.postgres.home import Home
from parlour.store.postgres.identity import identity_of, place_of
from parlour.store.postgres.in_use import hold_as_server, refuse_for_servers
from parlour.store.postgres.migrate import migrate
from parlour.store.postgres.others import OtherNodes
from parlour.store.postgres.published import PublishedServerLog
from parlour.store.postgres.readers import Readers
from parlour.store.postgres.together import PagesTogether
from parlour.store.postgres.tuning import DEFAULT, PostgresTuning
from parlour.store.postgres.unread import unread
from parlour.store.recent import RecentRooms, RoomHead

_log = logging.getLogger("parlour.store")

RETRY_S = (0.1, 0.2, 0.5, 1.0)
"""The pauses between two attempts to reach a database that is away; the last one stays."""

RECONNECT_S = 60.0
"""How long an attempt may take: what was under way in the database has to end before."""

ROWS_AT_ONCE = 1000

LEAD_TIMEOUT_S = 5.0
"""After so long without an answer to that the connection is of no use."""

OnFatal: TypeAlias = Callable[[BaseException], None]


class PostgresStore(CommitQueue):
    """A `Store` in a PostgreSQL database. Made by `open`."""

    is_shared = True

    def __init__(
        self,
        home: Home,
        connection: asyncpg.Connection[Any],
        readers: Readers,
        relay: Relay,
        clock: Clock,
        node: str,
        on_fatal: OnFatal,
        queue_bytes: int,
        tuning: PostgresTuning,
    ) -> None:
        super().__init__(clock, queue_bytes)
        kept = home.kept
        self.epoch, self.secret = kept.epoch, kept.secret
        self._home, self._url, self._kept = home, home.url, kept
        self._connection: asyncpg.Connection[Any] = connection
        self._first_name = self._node = node
        self._on_fatal = on_fatal
        self._tuning = tuning
        self._published = PublishedServerLog()
        self._events = EventLog(connection, kept, node, self._published, tuning)
        self._others = OtherNodes(home, node, self, relay, clock, tuning)
        self._policy_seqs: dict[str, int] = {}  # of rooms whose policy was told: those that have one
        self._leads: set[str] = set()  # pieces of work that this node alone does
        self._readers = readers
        self._together = PagesTogether(readers, kept.seed)
        self._recent = RecentRooms(tuning.rooms_listed)
        self._lines = 0  # to the database, one after the other
        self._loop: AbstractEventLoop = asyncio.get_running_loop()
        self._timer: TimerHandle | None = None
        self._turn = asyncio.Lock()  # of the connection: it carries out one thing at a time
        self._tasks: set[Task[None]] = set()
        self._closing: Task[None] | None = None
        self.on_trim(self._recent.trimmed)

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        relay: Relay,
        clock: Clock,
        ids: Ids,
        on_fatal: OnFatal,
        queue_bytes: int = QUEUE_BYTES,
        tuning: PostgresTuning = DEFAULT,
    ) -> PostgresStore:
        """Open the logs in the database at `url` (`postgresql://…`), making what is missing. Raises StoreError.

        `relay` brings what other nodes announce. `on_fatal` is called when this node may have missed what they did, for
        good: the process should start again.
        """
        connection = await open_connection(url)
        try:
            await hold_as_server(connection)
            await migrate(connection)
            async with connection.transaction():
                await connection.execute(sql.LOCK_GATE)
                await refuse_for_servers(connection, without_password(url))
                home = Home(url, await identity_of(connection, ids), await place_of(connection))
            readers = await Readers.open(home, tuning.read_s)
            store = cls(home, connection, readers, relay, clock, ids.token(), on_fatal, queue_bytes, tuning)
            await store._begin()
        except (asyncpg.PostgresError, *GONE) as error:
            connection.terminate()
            raise StoreError(f"The database at {without_password(url)} cannot be opened: {error}.") from error
        except BaseException:
            connection.terminate()
            raise
        return store

    async def _begin(self) -> None:
        self._watch(self._connection)
        await self._events.load_settings()
        self._events.position = await self._others.begin(self._connection)
        self._published.seq = (await pages.log_of(self._connection, SERVER_LOG)).head_seq

    def _watch(self, connection: asyncpg.Connection[Any]) -> None:
        """Learn at once when the connection is lost, not with the next batch."""
        connection.add_termination_listener(self._ended)

    def _ended(self, connection: object) -> None:
        """No batch is under way that would notice."""
        if connection is self._connection and not self._turn.locked() and self._refusal is None:
            log.event(_log, "database_away", log.ERROR, at=without_password(self._url), reason="the connection ended")
            self._away()

    def is_ready(self) -> bool:
        """See `Store.is_ready`."""
        return super().is_ready() and self._others.is_hearing()

    def follow(self) -> None:
        """See `Store.follow`."""
        self._others.task = self._loop.create_task(self._others.run())

    async def catch_up(self) -> None:
        """See `Store.catch_up`."""
        await self._readers.read(self._others.catch_up)

    async def server_log_changed(self, connection: asyncpg.Connection[Any]) -> None:
        """See `others.Listener`."""
        while events := await self._server_log(connection):
            fresh = self._published.fresh(events)
            if any(event.type == ServerChanged.type for event in fresh):
                self._events.settings_changed()
            if fresh:
                super()._publish(Outcome((), [Commit(SERVER_LOG, fresh)]))

    async def _server_log(self, connection: asyncpg.Connection[Any]) -> list[Stored]:
        """The next events of the server's log that are not published; damaged ones are passed over, and logged."""
        while True:
            span = (self._published.seq + 1, MAX_SEQ)
            try:
                return await pages.page(connection, self._kept.seed, SERVER_LOG, span, ROWS_AT_ONCE, MAX_SEQ, False)
            except DamagedEvents as damaged:
                _log.error("%s This node does not learn what they say.", damaged.detail)
                self._published.seq = damaged.last

    async def lead(self, work: str) -> None:
        """See `Store.lead`."""
        while work not in self._leads:
            with suppress(asyncpg.PostgresError, *GONE):
                async with self._turn:
                    if await self._connection.fetchval(sql.TRY_LEAD, work, timeout=LEAD_TIMEOUT_S):
                        self._leads.add(work)
                        return
            if self._connection.is_closed():
                self._ended(self._connection)
            await asyncio.sleep(self._tuning.look_s)

    # --- what other nodes do (others.py) ---

    def policy_seq(self, room: str) -> int:
        """See `others.Listener`."""
        return self._policy_seqs.get(room, 0)

    def policy_changed(self, room: str, policy: Policy) -> None:
        """See `others.Listener`."""
        self._policy_seqs[room] = max(policy.seq, self.policy_seq(room))
        for learn in self._policy_listeners:
            learn(room, policy)

    def head_moved(self, head: RoomHead) -> None:
        """See `others.Listener`."""
        self._recent.add([head])
        if head.room != SERVER_LOG:
            for listener in self._head_listeners:
                listener(head.room, head.head_seq)

    def event_redacted(self, room: str, event: Stored) -> None:
        """See `others.Listener`."""
        super()._publish(Outcome((), redacted=[(room, event)]))

    def log_trimmed(self, room: str, first_seq: int) -> None:
        """See `others.Listener`."""
        super()._publish(Outcome((), trimmed=[(room, first_seq)]))

    def fell_too_far_behind(self) -> None:
        """See `others.Listener`."""
        self._on_fatal(StoreError("this node was away for too long to learn what others did meanwhile"))

    # --- batches ---

    def commit(self, batch: Batch) -> None:
        """See `CommitQueue.commit`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._start(self._write(batch))

    def wait(self, seconds: float) -> None:
        """See `CommitQueue.wait`."""
        self._timer = self._loop.call_later(seconds, self.take)

    def _start(self, work: Any) -> None:
        task: Task[None] = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, batch: Batch) -> None:
        try:
            # Not cancelled, but ended: what waits for an answer then knows what it has sent.
            watch = self._loop.call_later(self._tuning.batch_s, self._connection.terminate)
            try:
                async with self._turn:
                    outcome = await self._events.append(batch.items, batch.now_ms)
            finally:
                watch.cancel()
        except ConnectionLost as lost:
            is_late = watch.when() <= self._loop.time()
            self._lost(
                batch, lost, f"no answer for {self._tuning.batch_s:g} s" if is_late else reason_of(lost.__cause__)
            )
        except asyncpg.PostgresError as error:
            self.delivered(Outcome(await self._answers_without(batch, error)))
        except Exception:
            _log.exception("a batch of %d failed by a mistake of ours", len(batch.items))
            self.delivered(Outcome([Refusal("internal") for _ in batch.items]))
            self._connection.terminate()
            self._away()
        else:
            if outcome.commits or outcome.redacted or outcome.trimmed:
                self._others.announce(self._events.position, outcome)
            self.delivered(outcome)

    async def _answers_without(self, batch: Batch, error: asyncpg.PostgresError) -> Sequence[object]:
        """The answers to a batch that PostgreSQL refused; repeats of what is stored find it."""
        _log.error("a batch of %d failed: %s; nothing stored, later batches are tried", len(batch.items), error)
        is_full = isinstance(error, asyncpg.DiskFullError)
        refusal = Refusal("storage_full") if is_full else Refusal("storage_unavailable", retry_after=1)
        try:
            return await self._events.answers_without_storing(batch.items, refusal)
        except (asyncpg.PostgresError, *GONE) as failure:
            _log.error("the keys of a refused batch could not be looked up: %s", failure)
            return [after_failure(item) for item in batch.items]

    def _lost(self, batch: Batch, lost: ConnectionLost, reason: str) -> None:
        """Answer a batch whose connection was lost, refuse what is queued, and begin to reconnect."""
        self._connection.terminate()
        unknown = Refusal("outcome_unknown", retry_after=1)
        answers = [unknown if lost.is_unknown else after_failure(item) for item in batch.items]
        log.event(_log, "database_away", log.ERROR, at=without_password(self._url), reason=reason)
        self._away()
        self.delivered(Outcome(answers))

    def _away(self) -> None:
        self.failed()
        self._start(self._come_back())

    async def _come_back(self) -> None:
        """Reach the database again, learn what became of the last batch, and go on."""
        attempts = wrong = 0
        while self._closing is None:
            await asyncio.sleep(RETRY_S[min(attempts, len(RETRY_S) - 1)])
            attempts += 1
            try:
                async with asyncio.timeout(RECONNECT_S):
                    await self._reconnect()
            except (asyncpg.PostgresError, *GONE) as error:
                _log.debug("the database is still away: %s", error)
            except StoreError as error:
                wrong += 1
                if wrong % 60 == 1:
                    log.event(_log, "database_wrong", log.ERROR, at=without_password(self._url), reason=error)
            except Exception:
                _log.exception("what was lost meanwhile could not be made good")
            else:
                log.event(_log, "database_back", log.INFO, at=without_password(self._url))
                return

    async def _reconnect(self) -> None:
        """Raises StoreError, asyncpg.PostgresError and what is in `GONE`."""
        connection = await connect(self._url)
        try:
            await check(connection)
            await hold_as_server(connection)
            async with connection.transaction():
                # Nothing of ours runs any more once the gate is ours. What comes late all the same, over a line that
                # stood still, is not ours any more: this node has another name then.
                await connection.execute(sql.LOCK_GATE)
                await refuse_for_servers(connection, without_password(self._url))
                await self._home.require(connection)
            self._lines += 1
            node = f"{self._first_name}.{self._lines}"
            await self._others.renamed(connection, self._node, node, self._events.position)
            position = await connection.fetchval(sql.POSITION, self._kept.offset)
            events = EventLog(connection, self._kept, node, self._published, self._tuning, position)
            await events.load_settings()
        except BaseException:
            connection.terminate()
            raise
        self._connection, self._events, self._node = connection, events, node
        self._watch(connection)
        self._leads.clear()
        if self._closing is None:
            self.recovered()

    def _publish(self, outcome: Outcome) -> None:
        self._recent.add(outcome.heads)
        super()._publish(outcome._replace(commits=self._published.fresh_commits(outcome.commits)))

    async def log(self, room: str) -> Log:
        """See `Store.log`."""
        return await self._readers.read(pages.log_of, room)

    async def newest(self, room: str) -> tuple[int, int]:
        """See `Store.newest`."""
        return await self._readers.read(pages.newest_of, room)

    async def after(self, room: str, seq: int, limit: int, max_bytes: int = 262144) -> list[Stored]:
        """See `Store.after`."""
        return await self._together.after(room, min(max(seq, 0), MAX_SEQ), limit, max_bytes)

    async def before(self, room: str, seq: int, limit: int, max_bytes: int = 1048576) -> list[Stored]:
        """See `Store.before`."""
        span = (1, min(max(seq - 1, 0), MAX_SEQ))
        return await self._readers.read(pages.page, self._kept.seed, room, span, limit, max_bytes, True)

    async def query(self, query: Query[R]) -> list[R]:
        """See `Store.query`."""
        return await self._readers.read(pages.query, query)

    async def rooms(self, limit: int) -> list[RoomSummary]:
        """See `Store.rooms`."""
        if not self._recent.is_complete:
            self._recent.begin()
            self._recent.complete(await self._readers.read(pages.newest_rooms, self._tuning.rooms_listed))
        return self._recent.newest(limit)

    async def summaries(self, rooms: Sequence[str]) -> list[RoomSummary]:
        """See `Store.summaries`."""
        heads = await self._readers.read(pages.heads_of, tuple(sorted(rooms)))
        return [recent.summary(head) for head in heads]

    async def unread(self, pairs: Sequence[tuple[str, str]]) -> list[Unread]:
        """See `Store.unread`."""
        return await self._readers.read(unread, tuple(pairs)) if pairs else []

    async def policies(self) -> dict[str, Policy]:
        """See `Store.policies`."""
        return await self._readers.read(pages.policies)

    async def close(self) -> None:
        """See `Store.close`. May be called again; cancelling it does not interrupt the work."""
        if self._closing is None:
            self._refuse_new()
            self._closing = asyncio.create_task(self._finish())
        await asyncio.shield(self._closing)

    async def _finish(self) -> None:
        await self._drained.wait()
        if self._others.task is not None:
            self._others.task.cancel()
        await self._readers.close()
        for task in list(self._tasks):
            task.cancel()
        self._connection.terminate()
