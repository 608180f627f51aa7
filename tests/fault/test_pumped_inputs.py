"""Promise 7, by search: no pumped input of any parser holds the loop, and none costs more than its size.

The inputs of test_loop_holds.py are those that somebody thought of. It had JSON with a string that does not end, and
JSON full of backslashes, but not both in one: a string of escaped quotes that does not end, for which a scan went back
to every quote (9 s for 64 KiB). So here nobody thinks of inputs: every token that means something to a parser is
repeated, alone and with every other one, behind every beginning and before every end that breaks the match, at every
place where bytes of strangers come in. Growth is judged too, since a smaller limit would hide what a larger one shows.
"""

from __future__ import annotations

import json
import logging
import random
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from parlour.config import Settings
from tests.fault import pumps
from tests.fault.growth import Cost, fault, least
from tests.fault.loop_meter import LoopMeter
from tests.fault.pump_parsers import Parser, parsers
from tests.fault.pump_places import Place, places
from tests.fault.pumps import Pump
from tests.support.inprocess import InProcess, Setup
from tests.support.raw import head

SAMPLE = 2
"""Pairs a place or parser in the default run, beside half of the tokens alone, always the same; the long run has all.
"""

SEED = 1

KNOWN = [
    *[Pump(b'{"text":"', b'\\"', b"", tail) for tail in (b'\\q"}', b'\\ud800"}', b'\xff"}', b"")],
    Pump(b'{"op":"send","text":"', b'\\"', b"", b'\\q"}'),
]
"""What has been found so: tried at every place that has JSON."""

STATIC = Path(__file__).parents[2] / "src" / "parlour" / "ui" / "static"

_log = logging.getLogger("parlour.fault")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    settings = Settings(
        port=0,
        data=tmp_path_factory.mktemp("pumped") / "data",
        store="memory",
        rate_limits=False,
    )
    with InProcess(settings=settings, setup=Setup(proxies=("127.0.0.1",))) as server:
        yield server


@pytest.fixture(scope="module")
def meter(server: InProcess) -> LoopMeter:
    return LoopMeter(server)


def chosen(grammar: pumps.Grammar, name: str, *, is_long: bool) -> Iterable[Pump]:
    """The inputs of a place or parser."""
    known = KNOWN if grammar is pumps.JSON else []
    if is_long:
        return [*known, *grammar.all()]
    return [*known, *grammar.sample(random.Random(f"{SEED} {name}"), SAMPLE)]


def faults_of(place: Place, meter: LoopMeter, *, is_long: bool) -> list[str]:
    """The inputs of a place that cost too much."""
    idle = least(lambda _: meter.cost(head("GET", "/healthz")), 0).total
    found = []
    for pump in chosen(place.grammar, place.name, is_long=is_long):

        def cost(size: int, pump: Pump = pump) -> Cost:
            return meter.cost(place.write(pump.of(size)))

        if said := fault(cost, place.size, idle):
            found.append(f"{place.name}: {pump} {said}")
    return found


def faults_in(parser: Parser, *, is_long: bool) -> list[str]:
    """The inputs of a parser that cost too much."""
    found = []
    for pump in chosen(parser.grammar, parser.name, is_long=is_long):
        if said := fault(lambda size, pump=pump: parser.cost(pump, size), parser.size):  # type: ignore[misc]
            found.append(f"{parser.name}: {pump} {said}")
    return found


def test_no_pumped_input_holds_the_loop(meter: LoopMeter) -> None:
    found = [line for place in places() for line in faults_of(place, meter, is_long=False)]
    assert found == []


def test_no_pumped_input_holds_a_client() -> None:
    found = [line for parser in parsers() for line in faults_in(parser, is_long=False)]
    assert found == []


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("place", places(), ids=lambda place: place.name)
def test_no_pumped_input_at_all_holds_the_loop(meter: LoopMeter, place: Place) -> None:
    assert faults_of(place, meter, is_long=True) == []


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("parser", parsers(), ids=lambda parser: parser.name)
def test_no_pumped_input_at_all_holds_a_client(parser: Parser) -> None:
    assert faults_in(parser, is_long=True) == []


def scripted(tmp_path: Path, inputs: list[Pump]) -> list[str]:
    """The inputs that cost the scripts of the page too much."""
    for name in ("links.js", "hidden.js"):
        (tmp_path / name).write_text((STATIC / name).read_text("utf-8"), "utf-8")
    (tmp_path / "package.json").write_text('{"type":"module"}')
    (tmp_path / "measure.js").write_text((Path(__file__).parent / "pump_scripts.js").read_text())
    sizes = [2048, 4096, 8192, 16384]
    texts = [[pump.of(size).decode("utf-8", "replace") for size in sizes] for pump in inputs]
    done = subprocess.run(
        ["node", "measure.js"], cwd=tmp_path, input=json.dumps(texts).encode(), capture_output=True, check=True
    )
    found = []
    for pump, costs in zip(inputs, json.loads(done.stdout), strict=True):
        for script, seconds in costs.items():
            by_size = dict(zip(sizes, seconds, strict=True))
            if said := fault(lambda size, by_size=by_size: Cost(by_size[size], by_size[size]), sizes[-1]):  # type: ignore[misc]
                found.append(f"{script}: {pump} {said}")
    return found


def test_no_pumped_text_holds_the_page(tmp_path: Path) -> None:
    assert scripted(tmp_path, pumps.TEXT.sample(random.Random(SEED), 100)) == []


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_no_pumped_text_at_all_holds_the_page(tmp_path: Path) -> None:
    assert scripted(tmp_path, list(pumps.TEXT.all())) == []
