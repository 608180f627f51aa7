"""Handlers are ordinary coroutines on ordinary tasks: what asyncio and its libraries offer works in them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import httpx
import pytest

from parlour.core.errors import Refusal
from parlour.http.request import Request
from parlour.http.response import Response
from parlour.net.connection import Connection
from tests.support.inprocess import InProcess, LoopFactory, Scripted
from tests.support.raw import head
from tests.support.timeout import TIMEOUT_S

GET = head("GET", "/it")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def serve(handler: Handler, new_loop: LoopFactory) -> InProcess:
    """A server that answers `GET /it` with this handler, beside those of `Scripted`."""
    return InProcess(Scripted(("GET", "/it", handler)), new_loop=new_loop)


def is_busy(connection: Connection) -> bool:
    """Whether a request of this connection is being answered."""
    return connection.state == "busy"


async def times_out(_request: Request) -> Response:
    try:
        async with asyncio.timeout(0):
            await asyncio.get_running_loop().create_future()
    except TimeoutError:
        return Response(body=b"in time")
    return Response(status=500)


async def has_children(_request: Request) -> Response:
    async def child(number: int) -> bytes:
        await asyncio.sleep(0)
        return b"%d" % number

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(child(number)) for number in range(3)]
    return Response(body=b"".join(task.result() for task in tasks))


async def waits_for_all(_request: Request) -> Response:
    first, second = await asyncio.wait_for(asyncio.gather(asyncio.sleep(0, b"a"), asyncio.sleep(0, b"b")), TIMEOUT_S)
    return Response(body=first + second)


async def knows_its_task(_request: Request) -> Response:
    task = asyncio.current_task()
    return Response(body=str(task is not None).encode())


async def asks_another_server(request: Request) -> Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://{request.query_string.decode()}/fast?from=httpx")
    return Response(body=answer.content)


@pytest.mark.parametrize(
    ("handler", "body"),
    [(times_out, b"in time"), (has_children, b"012"), (waits_for_all, b"ab"), (knows_its_task, b"True")],
)
def test_asyncio_works_in_a_handler(handler: Handler, body: bytes, new_loop: LoopFactory) -> None:
    with serve(handler, new_loop) as server, server.client() as client:
        assert client.send(GET + GET).answer().body == body
        assert client.answer().body == body


def test_httpx_works_in_a_handler(new_loop: LoopFactory) -> None:
    with serve(asks_another_server, new_loop) as server, server.client() as client:
        answer = client.send(head("GET", f"/it?127.0.0.1:{server.port}")).answer()
        assert answer.body == b"fast from=httpx"


def test_client_that_goes_cancels_its_handler_and_nothing_that_is_shared(new_loop: LoopFactory) -> None:
    """Two clients wait for the same result, as two readers do for one loading room; one of them hangs up."""
    shared: list[asyncio.Future[bytes]] = []
    events: list[str] = []

    async def waits(_request: Request) -> Response:
        if not shared:
            shared.append(asyncio.get_running_loop().create_future())
        try:
            return Response(body=await asyncio.shield(shared[0]))
        except asyncio.CancelledError:
            events.append("cancelled")
            await asyncio.sleep(0)  # cleaning up may wait, too
            events.append("cleaned up")
            raise

    with serve(waits, new_loop) as server, server.client() as stays, server.client() as goes:
        for client in (goes, stays):
            connection = server.connection(client.send(GET))
            server.wait_until(partial(is_busy, connection))
        goes.reset()
        server.wait_until(lambda: events == ["cancelled", "cleaned up"])
        server.call(lambda: shared[0].set_result(b"still there"))
        assert stays.answer().body == b"still there"


def test_handler_that_answers_its_cancellation_is_not_heard(new_loop: LoopFactory) -> None:
    """`InProcess` fails if anything reaches the loop as an error."""
    events: list[str] = []

    async def ignores(_request: Request) -> Response:
        events.append("begun")
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            events.append("ignored")
        return Response(body=b"to nobody")

    with serve(ignores, new_loop) as server, server.client() as client:
        client.send(GET)
        server.wait_until(lambda: events == ["begun"])
        client.reset()
        server.wait_until(lambda: events == ["begun", "ignored"])
        server.wait_until(lambda: not server.server.drain.connections)


@pytest.mark.parametrize("waits", [False, True])
def test_exceptions_of_a_handler_are_answered(waits: bool, new_loop: LoopFactory) -> None:
    async def raises(request: Request) -> Response:
        if waits:
            await asyncio.sleep(0)
        errors: dict[bytes, BaseException] = {
            b"refusal": Refusal("not_found"),
            b"error": KeyError("a mistake"),
            b"cancelled": asyncio.CancelledError(),  # of something it waited for, not by its client
        }
        raise errors[request.query_string]

    with serve(raises, new_loop) as server, server.client() as client:
        statuses = [
            client.send(head("GET", f"/it?{what}")).answer().status for what in ("refusal", "error", "cancelled")
        ]
        assert statuses == [404, 500, 500]


def test_refused_connection_is_freed_without_the_collector(new_loop: LoopFactory) -> None:
    """An exception refers to the frames it came through: none of them may keep the connection."""

    async def refuses(_request: Request) -> Response:
        await asyncio.sleep(0)
        raise Refusal("not_found")

    def left() -> int:
        return sum(isinstance(found, Connection) for found in gc.get_objects())

    with serve(refuses, new_loop) as server, server.client() as client:
        assert client.send(GET).answer().status == 404
        gc.disable()
        try:
            client.sock.close()
            server.wait_until(lambda: left() == 0)
        finally:
            gc.enable()
