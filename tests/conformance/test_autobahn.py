"""Autobahn's cases for WebSockets (all 517, run by kosoku) against the server's own WebSocket, which echoes for them.

docs/evidence/conformance.md has the figures.
"""

from __future__ import annotations

from collections import Counter
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
    monkeypatch.setattr("parlour.api.streams.WebSocketSession", EchoSession)
    with InProcess(settings=Settings(port=0, data=tmp_path / "data", rate_limits=False)) as server:
        yield f"ws://127.0.0.1:{server.port}{TARGET}"


async def test_every_case_of_the_protocol_is_passed_strictly(url: str) -> None:
    results = await kosoku.run_fuzzingclient(url, exclude_cases=COMPRESSION, concurrency=AT_ONCE)
    assert len(results) == 301
    verdicts = {each.case_id: (each.behavior.value, each.behavior_close.value) for each in results}
    assert {case: verdict for case, verdict in verdicts.items() if verdict != ("OK", "OK")} == UNDEFINED


async def test_compression_is_declined_and_the_connection_goes_on_without(url: str) -> None:
    with pytest.raises(kosoku.FailureError) as failure:
        await kosoku.run_fuzzingclient(url, cases=COMPRESSION, concurrency=AT_ONCE)
    verdicts = Counter((each.behavior.value, each.behavior_close.value) for each in failure.value.results)
    assert verdicts == {("UNIMPLEMENTED", "OK"): 216}
