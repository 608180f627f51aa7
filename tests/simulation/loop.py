"""Time, event loops and threads of the simulated world: one queue of all that is going to happen, in one real thread.

A `World` has a virtual clock, which jumps from one happening to the next. Every process in it has a `SimulatedLoop` of
its own, so that it can die or stand still alone. What the program would run in a thread runs in a greenlet: its code is
the program's own, and it gives the world back where a thread would wait, for a queue or for the disk.
"""

from __future__ import annotations

import asyncio
import traceback
from asyncio import Future, Handle, Task, TimerHandle
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from heapq import heappop, heappush
from queue import Empty
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, TypeVarTuple

from greenlet import GreenletExit, getcurrent, greenlet

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

STEP_S = 1e-6
"""What each happening takes at least: no two bear the same time."""

WAKE_S = (5e-6, 2e-5, 2e-4, 5e-3)
"""How long a thread may take to wake up; each as likely as the others."""

INTERRUPTED = 0.25
"""How often a thread that has something to tell the loop is interrupted before it does."""


class World:
    """`now` is in seconds since the beginning; `random` decides everything that is left to chance."""

    def __init__(self, seed: int, tell: Callable[[str], None] | None = None) -> None:
        self.now = 0.0
        self.random = Random(seed)
        self.happened = 0
        self._tell = tell
        self._queue: list[tuple[float, int, SimulatedLoop, Handle | Wake]] = []
        self._count = 0

    def put(self, when: float, loop: SimulatedLoop, what: Handle | Wake) -> None:
        """Have something happen in a process at a time; what was put first for a time happens first."""
        self._count += 1
        heappush(self._queue, (when, self._count, loop, what))

    def run(self, work: Future[T]) -> T:
        """Let things happen until a future is done. Raises what it holds, and RuntimeError if nothing is left to do."""
        running = asyncio._get_running_loop()
        try:
            while not work.done():
                if not self._queue:
                    raise RuntimeError("nothing will ever happen again")
                self._step()
        finally:
            asyncio._set_running_loop(running)
        return work.result()

    def trace(self, what: str) -> None:
        """Say what happens, if somebody listens."""
        if self._tell is not None:
            self._tell(f"{self.now:13.6f}  {what}")

    def _step(self) -> None:
        when, count, loop, what = heappop(self._queue)
        if loop.is_dead or what.cancelled():
            return
        if loop.paused_until > when:
            heappush(self._queue, (loop.paused_until, count, loop, what))
            return
        self.now = max(self.now + STEP_S, when)
        self.happened += 1
        asyncio._set_running_loop(loop)
        what._run()


if TYPE_CHECKING:
    _Loop = asyncio.SelectorEventLoop  # whose methods are no more abstract than those that are never asked for
else:
    _Loop = asyncio.AbstractEventLoop


class Ports(Protocol):
    """The network, as a loop knows it."""

    def connect(
        self, loop: SimulatedLoop, factory: Callable[[], asyncio.Protocol]
    ) -> Coroutine[Any, Any, tuple[asyncio.Transport, asyncio.Protocol]]:
        """Open a connection to the server."""

    def listen(self, loop: SimulatedLoop, factory: Callable[[], asyncio.Protocol]) -> object:
        """Accept connections."""


class SimulatedLoop(_Loop):
    """The event loop of one process. `errors` are the exceptions that nobody caught in it."""

    def __init__(self, world: World, ports: Ports, name: str) -> None:
        self.world = world
        self.name = name
        self.paused_until = 0.0
        self.is_dead = False
        self.errors: list[str] = []
        self._ports = ports
        self._tasks: dict[Task[Any], None] = {}
        self._threads: list[Thread] = []

    def die(self) -> None:
        """End as by SIGKILL: nothing of this process happens any more."""
        self.is_dead = True
        running = asyncio._get_running_loop()
        for thread in self._threads:
            thread.kill()
        for task in self._tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            task.get_coro().close()
        self._tasks.clear()
        asyncio._set_running_loop(running)

    # --- what asyncio asks of a loop ---

    def time(self) -> float:
        return self.world.now

    def call_soon(self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None) -> Handle:
        handle = Handle(callback, args, self, context)
        self.world.put(self.world.now, self, handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> Handle:
        thread = Thread.current()
        if thread is not None and not self.is_dead and self.world.random.random() < INTERRUPTED:
            thread.wait(self.world.random.choice(WAKE_S))  # another one is quicker to speak
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> TimerHandle:
        return self.call_at(self.world.now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> TimerHandle:
        handle = TimerHandle(when, callback, args, self, context)
        self.world.put(max(when, self.world.now), self, handle)
        return handle

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        """Nothing: the world passes over it."""

    def create_future(self) -> Future[Any]:
        return Future(loop=self)

    def create_task(self, coro: Any, *, name: object = None, context: Context | None = None) -> Task[Any]:
        task: Task[Any] = Task(coro, loop=self, context=context)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], T], *args: *Ts) -> Future[T]:
        done: Future[T] = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except Exception as error:
                self.call_soon(_fail, done, error)
            else:
                self.call_soon(_finish, done, result)

        Thread(target=work, loop=self).start()
        return done

    async def create_connection(self, protocol_factory: Any, *_: Any, **__: Any) -> Any:
        return await self._ports.connect(self, protocol_factory)

    async def create_server(self, protocol_factory: Any, *_: Any, **__: Any) -> Any:
        return self._ports.listen(self, protocol_factory)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self.is_dead

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.is_dead:
            error = context.get("exception")
            where = "" if error is None else "".join(traceback.format_exception(error)[-3:])
            self.errors.append(f"{context.get('message')}: {error!r}\n{where}")

    # --- threads ---

    def started(self, thread: Thread) -> None:
        """A thread of this process has begun."""
        self._threads.append(thread)

    def ended(self, thread: Thread) -> None:
        """A thread of this process has ended."""
        self._threads.remove(thread)


class Wake:
    """Something that happens to a thread: it goes on."""

    __slots__ = ("_is_cancelled", "_thread")

    def __init__(self, thread: Thread) -> None:
        self._thread = thread
        self._is_cancelled = False

    def cancel(self) -> None:
        self._is_cancelled = True

    def cancelled(self) -> bool:
        return self._is_cancelled

    def _run(self) -> None:
        self._thread.run()


class Thread:
    """Stands for `threading.Thread` in a process of the world."""

    def __init__(
        self,
        target: Callable[..., object],
        args: tuple[Any, ...] = (),
        name: str = "",
        daemon: bool = True,
        loop: SimulatedLoop | None = None,
    ) -> None:
        found = loop or asyncio.get_running_loop()
        assert isinstance(found, SimulatedLoop)
        self._loop = found
        self._target = target
        self._args = args
        self._wake: Wake | None = None
        self._greenlet: Any

    @staticmethod
    def current() -> Thread | None:
        """The one that is running; None on an event loop."""
        found = getattr(getcurrent(), "thread", None)
        assert found is None or isinstance(found, Thread)
        return found

    def start(self) -> None:
        """Begin, in a moment."""
        self._greenlet = greenlet(self._work)
        self._greenlet.thread = self
        self._loop.started(self)
        self.wake()

    def wake(self) -> None:
        """Go on, in a moment."""
        world = self._loop.world
        self._wake_at(world.now + world.random.choice(WAKE_S))

    def wait(self, seconds: float | None = None) -> None:
        """Give the world back until somebody wakes this thread, or for so many seconds. Called in the thread."""
        if seconds is not None:
            self._wake_at(self._loop.world.now + seconds)
        self._greenlet.parent.switch()
        if self._loop.is_dead:
            raise GreenletExit

    def take(self, items: deque[Any], waiting: deque[Thread], timeout: float | None) -> Any:
        """The first of `items`, of which who wakes those that are `waiting` brings more. Raises queue.Empty."""
        if self._loop.is_dead:
            raise GreenletExit
        end = None if timeout is None else self._loop.world.now + timeout
        while not items:
            if end is not None and self._loop.world.now >= end:
                raise Empty
            waiting.append(self)
            try:
                self.wait(None if end is None else end - self._loop.world.now)
            finally:
                if self in waiting:
                    waiting.remove(self)
        return items.popleft()

    def run(self) -> None:
        """Go on now; called by the world."""
        self._wake = None
        self._greenlet.switch()

    def kill(self) -> None:
        """End with the process: what it had in hand is dropped where it stands."""
        if not self._greenlet.dead:
            self._greenlet.parent = getcurrent()
            self._greenlet.throw(GreenletExit)

    def _wake_at(self, when: float) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self._wake = Wake(self)
        self._loop.world.put(when, self._loop, self._wake)

    def _work(self) -> None:
        self._target(*self._args)
        if not self._loop.is_dead:
            self._loop.ended(self)


class SimpleQueue:
    """Stands for `queue.SimpleQueue`."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._waiting: deque[Thread] = deque()

    @classmethod
    def __class_getitem__(cls, _item: object) -> type[SimpleQueue]:
        return cls

    def put(self, item: Any) -> None:
        """Add an item; who waits for one goes on."""
        self._items.append(item)
        if self._waiting:
            self._waiting.popleft().wake()

    def get(self, timeout: float | None = None) -> Any:
        """The oldest item. Raises queue.Empty if none comes in time."""
        thread = Thread.current()
        assert thread is not None, "an event loop must not wait for a queue"
        return thread.take(self._items, self._waiting, timeout)


def _finish(future: Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
