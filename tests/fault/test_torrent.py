"""The judge of a flood sees each kind of broken promise, and nothing where there is none."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec
import pytest

from tests.fault.torrent import ACKNOWLEDGED, OVERLOADED, UNKNOWN, WRONG, Fates, Flow, Ledger

SIZE = 3
ACKED = ((1, ACKNOWLEDGED), (0, OVERLOADED), (2, ACKNOWLEDGED))
"""One connection: seq and outcome of each of its messages."""


def ledger(*lines: Sequence[tuple[int, int]]) -> Ledger:
    """Of a flood with these connections."""
    records = b"".join(
        struct.pack("<Q", len(line)) + b"".join(struct.pack("<IHBx", seq, 7, outcome) for seq, outcome in line)
        for line in lines
    )
    return Ledger([Fates("f", Flow(len(lines), 0, 1), 1.0, "3 3 2", records)], SIZE)


def event(seq: int, key: str, text: str = "xxx") -> bytes:
    """As the log has it."""
    return msgspec.json.encode({"type": "message", "room": "flooded", "seq": seq, "key": key, "text": text})


def test_a_kept_promise_is_no_fault() -> None:
    judge = ledger(ACKED)
    judge.read(event(1, "f00000-0000000"))
    judge.read(event(2, "f00000-0000002"))
    assert judge.faults() == {}


@pytest.mark.parametrize(
    ("log", "fault"),
    [
        ([(1, "f00000-0000000")], "I1"),
        ([(1, "f00000-0000000"), (2, "f00000-0000002"), (3, "f00000-0000001")], "I2"),
        ([(1, "f00000-0000000"), (2, "f00000-0000002"), (3, "f00000-0000002")], "I3"),
        ([(1, "f00000-0000000"), (3, "f00000-0000002")], "I4"),
        ([(1, "f00000-0000000"), (2, "f00000-0000002"), (3, "f00000-0000003")], "I4"),
        ([(1, "f00000-0000000"), (2, "f00000-0000002"), (3, "g00000-0000000")], "I4"),
        ([(1, "f00000-0000002"), (2, "f00000-0000000")], "I5"),
    ],
)
def test_a_broken_promise_is_named(log: list[tuple[int, str]], fault: str) -> None:
    judge = ledger(ACKED)
    for seq, key in log:
        judge.read(event(seq, key))
    assert any(what.startswith(fault) for what in judge.faults())


def test_another_text_is_what_nobody_sent() -> None:
    judge = ledger(ACKED[:1])
    judge.read(event(1, "f00000-0000000", "yyy"))
    assert "I4: the log has what nobody sent" in judge.faults()


def test_no_answer_and_a_poor_refusal_are_faults() -> None:
    assert sum(ledger([(0, UNKNOWN)], [(0, WRONG)]).faults().values()) == 2


def test_fates_are_counted_by_outcome_and_by_connection() -> None:
    records = struct.pack("<Q", 2) + struct.pack("<IHBx", 9, 40, ACKNOWLEDGED) + struct.pack("<IHBx", 0, 1, OVERLOADED)
    fates = Fates("f", Flow(1, 0, 1), 2.0, "30 20 10", records)
    assert (fates.wanted, fates.answered, fates.accepted) == (15, 10, 5)
    assert (fates.count(ACKNOWLEDGED), fates.count(OVERLOADED)) == (1, 1)
    assert fates.p99_ms(fates.lines) == 40
