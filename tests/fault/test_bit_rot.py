"""T22, B.1 D25: what a disk has altered is never served as good: a start refuses it, or a reader is told of it."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from parlour.store.sqlite.check import check
from tests.fault.rot import (
    DATABASE,
    KINDS,
    WAL,
    Found,
    Original,
    Refused,
    Serve,
    as_process,
    in_process,
    is_stored_again,
    originals,
    rooms_listed,
    trial,
    walk,
)
from tests.support.records import RECORD, as_image
from tests.support.server import ROOT
from tests.support.timeout import TIMEOUT_S

TRIALS = 40
LONG_TRIALS = int(os.environ.get("PARLOUR_TEST_ROT", "1000"))
CANNOT_START = 3

_log = logging.getLogger("parlour.fault")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Original]:
    return originals(tmp_path_factory.mktemp("originals"))


def trials(made: list[Original], count: int, seed: int, scratch: Path, serve: Serve) -> list[Found]:
    """So many, of every kind, in every file of every directory; what may not be is an AssertionError."""
    random = Random(seed)
    found = []
    for _ in range(count):
        original = random.choice(made)
        file = random.choice(original.files())
        found.append(trial(original, file, random.choice(list(KINDS)), random, scratch, serve))
        judge(found[-1])
    for row, times in sorted(Counter((each.file, each.kind, each.outcome, bool(each.check)) for each in found).items()):
        _log.info("%s %s: %s, check %s: %d", *row, times)
    return found


def judge(found: Found) -> None:
    """Nothing altered is served; what is lost is said to be; and `parlour check` names whatever did any harm."""
    assert not found.altered, found
    assert found.outcome == "harmless" or found.check, found
    assert "\n" not in found.refused, found
    assert not found.refused or DATABASE in found.refused, found
    if found.file == WAL:
        assert found.outcome in ("refused", "harmless"), found
    # Indexes have no checksum: a repeat may be stored again, and only the check tells (the last test here).
    is_index_of_keys = found.doubled and found.check and not (found.hidden or found.renamed)
    assert found.outcome != "unnoticed" or is_index_of_keys, found


@pytest.mark.timeout(120)
def test_damage_is_refused_or_named_and_never_served(made: list[Original], tmp_path: Path) -> None:
    found = trials(made, TRIALS, 22, tmp_path / "trial", in_process)
    outcomes = Counter(each.outcome for each in found)
    assert outcomes["refused"] >= TRIALS // 5
    assert outcomes["isolated"] >= TRIALS // 10


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("serve", "count"), [(in_process, LONG_TRIALS), (as_process, LONG_TRIALS // 4)])
def test_damage_is_refused_or_named_and_never_served_in_many_trials(
    made: list[Original], tmp_path: Path, serve: Serve, count: int
) -> None:
    trials(made, count, 23, tmp_path / "trial", serve)


@pytest.mark.parametrize("file", [DATABASE, WAL])
def test_a_refusal_is_a_line_and_an_exit_code(made: list[Original], tmp_path: Path, file: str) -> None:
    data = tmp_path / "data"
    as_image(made[1 if file == WAL else 0].path, data)
    content = (data / file).read_bytes()
    (data / file).write_bytes(content[: len(content) // 2])
    serve = [sys.executable, "-m", "parlour", "serve", "--port", "0", "--data", str(data)]
    done = subprocess.run(
        serve, env={"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert (done.returncode, done.stdout) == (CANNOT_START, "")
    (line,) = done.stderr.splitlines()
    assert str(data / DATABASE) in line
    assert (data / file).read_bytes() == content[: len(content) // 2], "it was changed"


@pytest.mark.parametrize("left", [None, 0, 100], ids=["removed", "no byte of it", "zeros"])
def test_a_log_cut_to_nothing_is_missed(made: list[Original], tmp_path: Path, left: int | None) -> None:
    data = tmp_path / "data"
    as_image(made[1].path, data)
    (data / WAL).unlink()
    if left is not None:
        (data / WAL).write_bytes(bytes(left))
    for serve in (in_process, as_process):
        assert WAL in str(check(data).problems[0])
        with pytest.raises(Refused, match="has lost stored messages"), serve(data):
            pass


def test_without_its_damaged_log_a_database_is_what_it_was_before(made: list[Original], tmp_path: Path) -> None:
    """The way out that the refusal names."""
    original = made[1]
    data = tmp_path / "data"
    as_image(original.path, data)
    (data / WAL).unlink()
    (data / RECORD).unlink()
    assert check(data).is_ok
    with in_process(data) as port:
        for room, stored in original.events.items():
            left = walk(port, room)
            assert left.named == set()
            assert left.events == {seq: stored[seq] for seq in range(1, len(stored) // 2 + 1)}


def altered(original: Original, scratch: Path, text: bytes) -> Iterator[Path]:
    """Copies in each of which the last letter of one occurrence of a text, outside of an event, is another."""
    data = (original.path / DATABASE).read_bytes()
    for found in re.finditer(rb'(?<!")' + text, data):
        copy = scratch / f"{text.decode()}-{found.start()}"
        as_image(original.path, copy)
        changed = bytearray(data)
        changed[found.end() - 1] ^= 1
        (copy / DATABASE).write_bytes(changed)
        yield copy


def test_what_only_parlour_check_finds(made: list[Original], tmp_path: Path) -> None:
    """docs/storage.md, Checking: names and indexes have no checksum. If this fails, something has become better."""
    original = made[0]
    seen = set()
    for copy in altered(original, tmp_path, b"green"):
        is_named = not check(copy).is_ok
        with in_process(copy) as port:
            seen.add((is_named, bool(walk(port, "green").events), "green" in rooms_listed(port)))
            assert walk(port, "greeo").events == {}, "no event is served under another name"
    assert {(True, True, True), (True, False, False)} <= seen, "the table of rooms, and the index of their names"
    assert seen <= {(True, True, True), (True, False, False), (False, True, True)}
    stored_again = 0
    for copy in altered(original, tmp_path, b"key-0-0007"):
        is_named = not check(copy).is_ok
        with in_process(copy) as port:
            again = [is_stored_again(port, room, events[8]) for room, events in original.events.items()]
            assert is_named or not any(again)
            stored_again += sum(again)
    assert stored_again == len(original.events), "the index of keys, once for each room"
