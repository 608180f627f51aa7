"""A server in a thread of this process, with a manual clock, any limits, and a watch on its loop."""

from __future__ import annotations

import asyncio
import gc
import queue
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import uvloop

from parlour.app import App, start
from parlour.config import Settings
from parlour.core.errors import Refusal
from parlour.core.limits import Limits
from parlour.http.fields import FieldName
from parlour.http.request import Admission, Application, Handler, Outcome, Request
from parlour.http.response import DeferredResponse, Response
from parlour.http.router import Router
from parlour.http.throttle import Throttle
from parlour.net.connection import Connection
from parlour.net.deadlines import Wheel
from parlour.net.drain import Drain
from parlour.net.fanout import FanOut
from parlour.net.http import HttpConnection
from parlour.net.large import ALL_BYTES, CLIENT_BYTES, LargeAnswers
from parlour.net.listener import Listener, accept_on, open_listeners
from parlour.net.proxies import TrustedProxies
from parlour.net.server import LINGERING, Server
from parlour.net.tls_port import Handshake, TlsPortConnection
from parlour.wire.http1 import RequestHead
from tests.support.talk import Client
from tests.support.timeout import TIMEOUT_S

T = TypeVar("T")

HOLD_S = 0.05
"""No turn of the loop may keep its thread busy for longer, in CPU time."""

TURN_S = 0.005
"""How often the watch looks: it says of a turn of the loop how long it was, or so much more."""

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


@dataclass(frozen=True)
class Setup:
    """What the server under test is made with."""

    limits: Limits = field(default_factory=Limits)
    proxies: tuple[str, ...] = ()
    max_connections: int = 10_000
    limit_addresses: bool = False
    tls: ssl.SSLContext | None = None
    unix_socket: Path | None = None
    throttle: Throttle = field(default_factory=Throttle)
    lingering: int = LINGERING
    client_bytes: int = CLIENT_BYTES
    all_bytes: int = ALL_BYTES


class Scripted:
    """An application whose handlers are finished by the test.

    `/fast` answers at once, `/slow/<name>` when `finish` is called, `/page/<size>` with so many bytes, `/post` with the
    size of its body, `/who` with what is known of the peer, `/full` with `overloaded`, `/broken` raises. `routes` are
    further handlers of a test.
    """

    def __init__(self, *routes: tuple[str, str, Handler]) -> None:
        self.begun: queue.Queue[str] = queue.Queue()
        """The names of the slow requests, in the order of their beginning."""
        self.cancelled: queue.Queue[str] = queue.Queue()
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._router = Router[Handler](
            [
                ("GET", "/fast", self._fast),
                ("GET", "/slow/{name}", self._slow),
                ("GET", "/page/{size}", self._page),
                ("POST", "/post", self._post),
                ("GET", "/who", self._who),
                ("GET", "/full", self._full),
                ("GET", "/broken", self._broken),
                ("GET", "/split", self._split),
                ("GET", "/unwritable", self._unwritable),
                *routes,
            ]
        )

    def finish(self, name: str) -> None:
        """Let a slow request be answered; called on the loop."""
        self._waiting.pop(name).set_result(None)

    # --- Application ---

    def admit(self, head: RequestHead) -> Admission:
        match = self._router.match(head.target.partition(b"?")[0])
        return Admission(match.row(head.method), match.params, 65536 if head.method == "POST" else 0, None)

    def handle(self, request: Request) -> Outcome:
        return request.admission.handler(request)

    def render(self, refusal: Refusal, head: RequestHead | None, prefix: str) -> Response:
        return Response(refusal.kind.status, refusal.code.encode())

    # --- handlers ---

    def _full(self, request: Request) -> Response:
        raise Refusal("overloaded")

    def _fast(self, request: Request) -> Response:
        return Response(body=b"fast " + request.query_string)

    async def _slow(self, request: Request) -> Response:
        name = request.params["name"]
        future = self._waiting[name] = asyncio.get_running_loop().create_future()
        self.begun.put(name)
        try:
            await future
        except asyncio.CancelledError:
            self.cancelled.put(name)
            raise
        return Response(body=f"slow {name}".encode())

    async def _page(self, request: Request) -> Response:
        return Response(body=b"x" * int(request.params["size"]))

    def _post(self, request: Request) -> DeferredResponse:
        deferred = DeferredResponse()
        asyncio.get_running_loop().call_soon(deferred.answer, Response(body=str(len(request.body)).encode()))
        return deferred

    async def _who(self, request: Request) -> Response:
        return Response(body=f"{request.peer.address} {request.origin}".encode())

    async def _broken(self, request: Request) -> Response:
        raise RuntimeError("broken on purpose")

    async def _split(self, request: Request) -> Response:
        await asyncio.sleep(0)
        return Response(fields=((FieldName.LOCATION, b"a\r\nSet-Cookie: b"),))

    async def _unwritable(self, request: Request) -> Response:
        await asyncio.sleep(0)
        return Response(999)


class InProcess:
    """The server, between `__enter__` and `__exit__`: with `application`, or with the whole program on `settings`.

    The program's database is in `settings.data`; its rates and sessions keep real time, while the deadlines of
    connections (and the heartbeats of their sessions) come only when `wind` is called. An error that reaches the event
    loop fails the test at the end.
    """

    def __init__(
        self,
        application: Application | None = None,
        setup: Setup | None = None,
        *,
        settings: Settings | None = None,
        new_loop: LoopFactory = uvloop.new_event_loop,
    ) -> None:
        self.setup = setup or Setup()
        self.port = 0
        self.errors: list[dict[str, Any]] = []
        self.server: Server
        self.app: App | None = None
        self.loop: asyncio.AbstractEventLoop
        self._application = application
        self._settings = settings
        self._new_loop = new_loop
        self._now = 0.0
        self._others = 0
        self._is_watched = False
        self._longest_turn_s = 0.0
        self._started: Future[None] = Future()
        self._ending: asyncio.Future[None]
        self._thread = threading.Thread(target=self._run, daemon=True)

    # --- for the test's thread ---

    def client(self, tls: ssl.SSLContext | None = None, source: str = "") -> Client:
        """Connect to it."""
        return Client.to(self.port, tls, source)

    def connection(self, client: Client) -> Connection:
        """The protocol object of a client's connection, once it has been accepted and its TLS handshake is done."""
        port = client.sock.getsockname()[1]

        async def find() -> Connection:
            while True:
                for connection in self.server.drain.connections:
                    assert isinstance(connection, Connection)
                    if isinstance(connection, TlsPortConnection | Handshake):
                        continue
                    peer = connection.transport.get_extra_info("peername")
                    if peer and peer[1] == port:
                        return connection
                await asyncio.sleep(0.001)

        return self.wait(find())

    def http(self, client: Client) -> HttpConnection:
        """The same for one that speaks HTTP."""
        connection = self.connection(client)
        assert isinstance(connection, HttpConnection)
        return connection

    def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function on the loop and wait for its result."""

        async def run() -> T:
            return function(*arguments)

        return self.wait(run())

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Wait for something that happens on the loop."""

        async def run() -> T:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(TIMEOUT_S)

    def wind(self, seconds: float) -> None:
        """Let time pass for the deadlines, in steps of half a second."""

        def step() -> None:
            self._now += 0.5
            self.server.wheel.tick()

        for _ in range(int(seconds * 2)):
            self.call(step)

    def wait_until(self, condition: Callable[[], bool], within_s: float = TIMEOUT_S) -> None:
        """Let the loop turn until a condition, judged on the loop, holds."""

        async def run() -> None:
            deadline = self.loop.time() + within_s
            while not condition():
                assert self.loop.time() < deadline, "the condition does not come true"
                await asyncio.sleep(0.001)

        self.wait(run())

    def connections(self) -> int:
        """How many connections are open."""
        return self.call(lambda: len(self.server.drain.connections))

    def check_turns(self, scenario: Callable[[InProcess], None], what: str = "the scenario") -> None:
        """Run a scenario with this server, during which no turn of the loop may take HOLD_S; `what` is its name.

        A turn that takes longer is measured again on two new servers like this one. A neighbour that empties the
        caches adds CPU time to one of the three; what the server does costs the same on each.
        """
        longest_s = self._longest_turn_of(scenario)
        for _ in range(2):
            if longest_s < HOLD_S:
                return
            with self._another() as server:
                longest_s = min(longest_s, server._longest_turn_of(scenario))
        assert longest_s < HOLD_S, f"a turn of the loop took {longest_s * 1000:.0f} ms of CPU time: {what}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.result(TIMEOUT_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.loop.call_soon_threadsafe(self._ending.set_result, None)
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive()
        assert kind is not None or self.errors == [], self.errors

    def _another(self) -> InProcess:
        """One that is made as this one was, with a database of its own."""
        settings = self._settings
        if settings is not None:
            self._others += 1
            settings = replace(settings, data=settings.data.with_name(f"{settings.data.name}-{self._others}"))
        return InProcess(self._application, self.setup, settings=settings, new_loop=self._new_loop)

    def _longest_turn_of(self, scenario: Callable[[InProcess], None]) -> float:
        if not self._is_watched:
            self._is_watched = True
            self.call(self._watch, None)
        self.call(self._take_longest)
        scenario(self)
        return self.call(self._take_longest)

    # --- on the loop ---

    def _watch(self, before: float | None) -> None:
        now = time.thread_time()  # CPU time: who else runs on this machine does not count
        if before is not None:
            self._longest_turn_s = max(self._longest_turn_s, now - before)
        self.loop.call_later(TURN_S, self._watch, now)

    def _take_longest(self) -> float:
        longest_s, self._longest_turn_s = self._longest_turn_s, 0.0
        return longest_s

    def _run(self) -> None:
        gc.collect()
        gc.freeze()  # as the process does: the heap of the tests is not the server's to walk
        try:
            with asyncio.Runner(loop_factory=self._new_loop) as runner:
                runner.run(self._main())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _main(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.loop.set_exception_handler(lambda _loop, context: self.errors.append(context))
        self._ending = self.loop.create_future()
        app, application = await self._build()
        self.app = app
        setup = self.setup
        self.server = Server(
            application=application,
            wheel=Wheel(lambda: self._now),
            drain=Drain(lambda: 0.5),
            limits=setup.limits,
            proxies=TrustedProxies(setup.proxies),
            max_connections=setup.max_connections,
            limit_addresses=setup.limit_addresses,
            fan_out=app.server.fan_out if app is not None else FanOut(),
            throttle=setup.throttle,
            lingering=setup.lingering,
            large=LargeAnswers(setup.client_bytes, setup.all_bytes),
        )
        listeners = open_listeners(["127.0.0.1"], 0, setup.unix_socket, environ={})
        self.port = listeners[0].sock.getsockname()[1]
        plain = partial(HttpConnection, self.server)
        tcp = plain if setup.tls is None else partial(TlsPortConnection, self.server, setup.tls)
        accepting = [await accept_on(each, tcp if each.path is None else plain) for each in listeners]
        self._started.set_result(None)
        await self._ending
        await self._end(app, listeners, accepting)

    async def _build(self) -> tuple[App | None, Application]:
        if self._application is not None:
            return None, self._application
        assert self._settings is not None

        def on_fatal(error: BaseException) -> None:
            self.errors.append({"exception": error})

        app = await start(self._settings, on_fatal)
        return app, app.server.application

    async def _end(self, app: App | None, listeners: list[Listener], accepting: list[asyncio.AbstractServer]) -> None:
        def stop_accepting() -> None:
            for server in accepting:
                server.close()
            for listener in listeners:
                listener.close()

        await self.server.drain.run(stop_accepting, 0)
        while self.server.drain.connections:
            await asyncio.sleep(0)
        if app is not None:
            await app.stop(0)
