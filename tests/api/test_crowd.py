"""A school, an office, a conference hall: many browsers behind one address all get in, with the settings as shipped."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from parlour.core.limits import Limits
from parlour.ui.assets import ASSETS, asset_url
from tests.support.server import ServerProcess
from tests.support.visitor import Got, Visitor

VISITORS = 60
TABS = 2
SCHOOL, NEIGHBOUR = "127.0.0.5", "127.0.0.6"
LIMITS = Limits()
PAGE = "GET /class?limit=1000 HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n"


@contextmanager
def running(tmp_path: Path, *options: str) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", *options, rate_limits=True) as server:
        with server.client() as client:
            for number in range(50):
                name = f"?name=guest{number // 5}"
                assert client.post(f"/class{name}", content=b"What was said before. " * 5).status_code == 201
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with running(tmp_path) as server:
        yield server


def at_school(server: ServerProcess) -> httpx.Client:
    return server.client(transport=httpx.HTTPTransport(local_address=SCHOOL))


@asynccontextmanager
async def visitors(server: ServerProcess, count: int = VISITORS, source: str = SCHOOL) -> AsyncIterator[list[Visitor]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Visitor(server.port, source)) for _ in range(count)]


async def come_in(crowd: list[Visitor]) -> None:
    """All at once, each with one tab and then another. Nobody may be refused anything, and every tab must be live."""
    for _ in range(TABS):
        live = await asyncio.gather(*[visitor.tab("/class") for visitor in crowd])
        seen = sum((visitor.seen for visitor in crowd), Counter[int]())
        assert {status for status in seen if status >= 400} == set(), seen
        assert sum(visitor.lost for visitor in crowd) == 0
        assert live == [True] * len(crowd)


def test_a_class_behind_one_address_gets_in_at_once(server: ServerProcess) -> None:
    async def run() -> None:
        async with visitors(server) as crowd:
            await come_in(crowd)

    asyncio.run(run())


def test_a_class_gets_in_beside_a_hostile_address(server: ServerProcess) -> None:
    """Which opens connections, reads and makes rooms as fast as it can, from first to last."""

    async def run() -> None:
        async with visitors(server, 40, NEIGHBOUR) as hostile, visitors(server) as crowd:
            storm = [asyncio.create_task(_take_all(visitor, number)) for number, visitor in enumerate(hostile)]
            await come_in(crowd)
            for task in storm:
                task.cancel()
            await asyncio.gather(*storm, return_exceptions=True)

    asyncio.run(run())


async def _take_all(visitor: Visitor, number: int) -> None:
    for round_ in range(10_000):
        with suppress(EOFError, OSError):
            line = await visitor.line()
            try:
                await line.ask(PAGE)
            finally:
                line.close()
        await visitor.get(f"/noise-{number}-{round_}?format=json&limit=1000")


def test_a_class_gets_in_beside_one_at_the_same_address_who_holds_half_of_its_connections(
    server: ServerProcess,
) -> None:
    async def run() -> None:
        async with visitors(server, 1) as (hostile,), visitors(server) as crowd:
            for _ in range(LIMITS.address_connections // 2 - 1):
                await hostile.line()
            assert (await hostile.get("/healthz", "")) is not None  # so they have all been accepted
            await come_in(crowd)

    asyncio.run(run())


def test_one_address_has_its_share_of_connections_and_others_the_rest(tmp_path: Path) -> None:
    async def run(server: ServerProcess) -> None:
        async with visitors(server, 1) as (hostile,), visitors(server, 5, NEIGHBOUR) as others:
            held = [await hostile.line() for _ in range(LIMITS.address_connections)]
            assert (await held[-1].ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")).status in (200, 429)
            assert (await (await hostile.line()).ask(PAGE)).status == 429
            await come_in(others)

    # A machine that opens them in a moment is not to be stopped by the rate of new ones before.
    with running(tmp_path, "--address-new-per-10-s", "100000") as server:
        asyncio.run(run(server))


def test_a_class_may_speak_at_once_and_go_on(server: ServerProcess) -> None:
    """Thirty guests behind one address: four messages each without a pause, none refused."""
    with at_school(server) as client:
        for round_ in range(4):
            for pupil in range(30):
                answer = client.post(f"/class?name=pupil{pupil}", content=b"%d" % round_)
                assert answer.status_code == 201, answer.text


def test_guests_who_are_made_up_do_not_raise_the_rate_of_an_address(server: ServerProcess) -> None:
    with at_school(server) as client:

        def say(number: int) -> httpx.Response:
            return client.post(f"/elsewhere-{number % 10}?name=guest{number}", content=b"x")

        most = LIMITS.address_sends_burst
        statuses = [say(number).status_code for number in range(4 * most)]
    # What is refilled meanwhile is allowed for: the machine may be slow.
    assert statuses[:most] == [201] * most
    assert 429 in statuses


# --- what is said to who is refused ---

FULL = ("--address-connections", "1")
BROWSER = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"
REFRESH = re.compile(rb'<meta http-equiv="refresh" content="(\d+)">')


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server on which each address may have one connection."""
    with ServerProcess(tmp_path_factory.mktemp("full") / "data", *FULL, rate_limits=True) as server:
        yield server


def too_many(server: ServerProcess, request: str) -> Got:
    """What is said to a request on the connection that is one too many."""

    async def ask() -> Got:
        async with Visitor(server.port, SCHOOL) as visitor:
            await (await visitor.line()).ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return await (await visitor.line()).ask(request)

    return asyncio.run(ask())


def test_a_browser_that_is_one_too_many_gets_a_page_that_tries_again_by_itself(full: ServerProcess) -> None:
    got = too_many(full, f"GET /class HTTP/1.1\r\nHost: localhost\r\n{BROWSER}\r\n")
    assert got.status == 429
    assert got.fields["content-type"] == "text/html; charset=utf-8"
    assert got.fields["connection"] == "close"
    assert b'<link rel="stylesheet"' in got.body
    again = REFRESH.search(got.body)
    assert again is not None
    assert int(got.fields["retry-after"]) <= int(again[1]) <= int(got.fields["retry-after"]) + 5


def test_a_form_that_is_refused_is_not_sent_again_empty(full: ServerProcess) -> None:
    form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\nmessage=x"
    got = too_many(full, f"POST /class HTTP/1.1\r\nHost: localhost\r\n{BROWSER}{form}")
    assert got.status == 429
    assert REFRESH.search(got.body) is None


def test_others_are_told_in_their_own_terms(full: ServerProcess) -> None:
    got = too_many(full, "GET /class HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n")
    assert json.loads(got.body)["code"] == "too_many_connections"
    got = too_many(full, "GET /class HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert got.body.startswith(b"error: ")
    assert int(got.fields["retry-after"]) >= 1


def test_files_of_the_page_and_health_checks_are_not_rationed(tmp_path: Path) -> None:
    options = ("--history-ms-per-s", "0.01", "--history-burst-ms", "1")
    with ServerProcess(tmp_path / "data", *options, rate_limits=True) as server, at_school(server) as client:
        while client.get("/class").status_code != 429:
            pass
        for path in ("/healthz", "/readyz", "/limits", "/robots.txt", "/help", asset_url(next(iter(ASSETS)))) * 50:
            assert client.get(path).status_code == 200, path
        refused = client.get("/class", headers={"Accept": "text/html"})
    assert refused.status_code == 429
    assert REFRESH.search(refused.content) is not None
