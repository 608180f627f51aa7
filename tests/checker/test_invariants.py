"""The checker of histories: it accepts what keeps the contract, and names the invariant for every seeded bug."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checker.history import CaughtUp, Entry, History, Opened, Received, Reset, Send
from tests.checker.invariants import violations
from tests.checker.mutations import MUTATIONS, Mutation
from tests.checker.simulation import clean_history
from tests.support.many import many

TRIALS = 40
ENOUGH = 5


@settings(max_examples=many(60))
@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(0, 6), st.integers(0, 400))
def test_a_history_that_keeps_the_contract_is_accepted(seed: int, senders: int, readers: int, steps: int) -> None:
    assert violations(clean_history(seed, senders, readers, steps)) == []


@pytest.mark.parametrize(("invariant", "mutation"), MUTATIONS, ids=lambda value: getattr(value, "__name__", value))
def test_every_seeded_bug_is_named(invariant: str, mutation: Mutation) -> None:
    """B.3: a mutation score of 100 percent."""
    found = 0
    for seed in range(TRIALS):
        broken = mutation(clean_history(seed), Random(seed))
        if broken is not None:
            found += 1
            named = {violation.invariant for violation in violations(broken)}
            assert invariant in named, f"seed {seed}: {named}"
    assert found >= ENOUGH, "the histories have too few places for this bug"


@pytest.mark.parametrize(("asked_at", "shown_at", "is_stale"), [(2, None, False), (17, None, True), (2, 1.5, True)])
def test_a_relay_that_loses_excuses_a_stale_read_for_a_while_only(
    asked_at: float, shown_at: float | None, is_stale: bool
) -> None:
    """What was acknowledged may take its time to be found; what somebody was shown may not."""
    event = ("alice", "key-1", "text", "event")
    history = History(log=[Entry("lobby", "e", 1, *event)])
    history.sends = [Send("alice", "alice.1", "lobby", *event[:3], 0, 1, "ack", "e", 1, "event")]
    if shown_at is not None:
        history.readings += [
            Opened("bob", "bob.1", "sse", "lobby", 0, "e", 0),
            Received("bob", "bob.1", "lobby", shown_at, "e", 1, *event),
        ]
    history.readings += [
        Opened("carol", "carol.1", "sse", "lobby", asked_at, "e", 0),
        CaughtUp("carol", "carol.1", "lobby", asked_at + 0.1, "e", 0),
    ]
    named = {violation.invariant for violation in violations(history, healed_s=15)}
    assert ("I10" in named) == is_stale
    assert "I10" in {violation.invariant for violation in violations(history)}


def test_the_histories_contain_everything_a_server_can_do() -> None:
    outcomes: Counter[str] = Counter()
    for seed in range(20):
        history = clean_history(seed)
        outcomes.update(send.outcome for send in history.sends)
        outcomes.update("replay" for send in history.sends if send.replay)
        outcomes.update(type(reading).__name__ for reading in history.readings)
    assert all(outcomes[kind] >= 20 for kind in ("ack", "known_fail", "unknown", "replay"))
    assert outcomes[Received.__name__] >= 300
    assert outcomes[Reset.__name__] >= 5


def test_an_empty_history_is_accepted() -> None:
    assert violations(History()) == []


def test_a_history_can_be_kept_as_lines(tmp_path: Path) -> None:
    history = clean_history(1)
    history.write(tmp_path / "history.jsonl")
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert len(lines) == len(history.sends) + len(history.readings) + len(history.log)
    assert lines[-1].startswith('["Entry",')
