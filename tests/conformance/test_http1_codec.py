"""The request decoder against the conformance table, however the bytes arrive."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

from parlour.core.errors import Refusal
from parlour.wire.http1 import RequestDecoder, RequestHead
from tests.conformance.http1_case import PLAIN, TAKEN
from tests.conformance.http1_cases import CASES, MAX_BODY, Case, Taken

Outcome = tuple[tuple[Taken, ...], str]
"""What was accepted, and the code of the refusal or the state at the end."""


def taken(head: RequestHead, body: bytes) -> Taken:
    return Taken(
        head.method,
        head.target,
        body,
        head.keep_alive,
        host=head.host,
        upgrade=head.upgrade,
        continues=head.expects_continue,
        minor=head.minor,
    )


def decode(pieces: Iterator[bytes]) -> Outcome:
    """Use the decoder as a connection does: after a refusal or a last request nothing more is read."""
    decoder = RequestDecoder()
    accepted: list[Taken] = []
    head: RequestHead | None = None
    try:
        for piece in pieces:
            decoder.feed(piece)
            while head is not None or (head := decoder.next_head()) is not None:
                body = decoder.next_body(MAX_BODY)
                if body is None:
                    break
                accepted.append(taken(head, body))
                if not head.keep_alive:
                    return tuple(accepted), "between"
                head = None
    except Refusal as refusal:
        return tuple(accepted), refusal.code
    if decoder.is_between:
        return tuple(accepted), "between"
    return tuple(accepted), "head" if head is None else "body"


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def cut(data: bytes, *places: int) -> Iterator[bytes]:
    start = 0
    for place in (*sorted(places), len(data)):
        yield data[start:place]
        start = place


def expected(case: Case) -> Outcome:
    return case.accepted, case.refusal or case.rest


def test_the_table_is_large_and_its_names_are_unique() -> None:
    assert len(CASES) >= 200
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []


def misjudged(case: Case, pieces: Iterator[bytes], wanted: Outcome) -> list[str]:
    """The fault in the outcome of a case: a line that names the case, or no line if there is none."""
    found = decode(pieces)
    return [] if found == wanted else [f"{case.name} ({case.section}): {found} is not {wanted}"]


def test_a_case_given_whole_is_judged_as_the_table_says() -> None:
    assert [line for case in CASES for line in misjudged(case, whole(case.data), expected(case))] == []


def test_a_case_given_byte_by_byte_is_judged_the_same() -> None:
    wrong = []
    for case in CASES:
        wrong += misjudged(case, cut(case.data, *range(len(case.data))), expected(case))
    assert wrong == []


def test_a_case_cut_anywhere_is_judged_the_same() -> None:
    wrong = []
    for case in CASES:
        seeded = random.Random(case.name)
        for pieces in (2, 3, 5, 20):
            places = [seeded.randrange(len(case.data) + 1) for _ in range(pieces - 1)]
            wrong += [f"{line}, cut at {places}" for line in misjudged(case, cut(case.data, *places), expected(case))]
    assert wrong == []


def test_what_follows_a_refused_case_does_not_matter() -> None:
    wrong = []
    for case in [case for case in CASES if case.refusal]:
        for trail in (b"\r\n\r\n", PLAIN, b"\x00", b"a" * 20_000):
            wrong += misjudged(case, cut(case.data + trail, len(case.data)), expected(case))
    assert wrong == []


def test_a_request_after_an_accepted_case_is_accepted_too() -> None:
    wrong = []
    for case in [case for case in CASES if not case.closes and case.rest == "between"]:
        wrong += misjudged(case, whole(case.data + PLAIN), ((*case.accepted, TAKEN), "between"))
    assert wrong == []
