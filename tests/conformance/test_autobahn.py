"""Autobahn's cases for WebSockets (all 517, run by kosoku) against the server's own WebSocket, which echoes for them.

docs/evidence.md has the figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import kosoku
import pytest

from parlour.config import Settings
from tests.conformance.echo import TARGET, EchoSession
from tests.support.inprocess import InProcess

pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the cases read their texts so

AT_ONCE = 4
"""Cases under way together: some of them wait for a second to see that nothing comes."""

COMPRESSION = ["12.*", "13.*"]
UNDEFINED = dict.fromkeys(("7.1.6", "7.13.1", "7.13.2"), ("INFORMATIONAL", "INFORMATIONAL"))
"""Cases for which no behaviour is asked for; all others are passed to the letter."""


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that says back what it hears."""
    monkeypatch.setattr("parlour.api.streams.WebSocketSession", EchoSession)
    settings = Settings(port=0, data=tmp_path / "data", rate_limits=False)
    with InProcess(settings=settings) as server:
        yield f"ws://127.0.0.1:{server.port}{TARGET}"


async def verdicts(url: str, **cases: list[str]) -> dict[str, tuple[str, str]]:
    """Run cases and give what is said of each, and of how it closed."""
    try:
        results = await kosoku.run_fuzzingclient(url, concurrency=AT_ONCE, **cases)
    except kosoku.FailureError as failure:
        results = failure.results
    return {each.case_id: (each.behavior.value, each.behavior_close.value) for each in results}


def but(found: dict[str, tuple[str, str]], verdict: tuple[str, str] = ("OK", "OK")) -> dict[str, tuple[str, str]]:
    """The cases with another verdict."""
    return {case: each for case, each in found.items() if each != verdict}


async def test_every_case_of_the_protocol_is_passed_strictly(url: str) -> None:
    found = await verdicts(url, exclude_cases=COMPRESSION)
    assert len(found) == 301
    assert but(found) == UNDEFINED


async def test_compression_is_declined_and_the_connection_goes_on_without(url: str) -> None:
    found = await verdicts(url, cases=COMPRESSION)
    assert len(found) == 216
    assert but(found, ("UNIMPLEMENTED", "OK")) == {}
