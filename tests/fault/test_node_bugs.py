"""The loop of faults over PostgreSQL finds what it is for: bugs that are put into the nodes are caught."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.fault.load import ROOMS, Load, UnreadableLog
from tests.fault.node_bugs import BUGS
from tests.fault.nodes import IMPATIENT, Faults, World
from tests.fault.removals import Removals
from tests.support.node_changes import CHANGES
from tests.support.postgres import PostgresProcess

ROUNDS = 30
ACKS = 40
AT_REST_S = 2.0
"""Readers that have not come to the heads by then never will: half a second is what the nodes need."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresProcess]:
    """One that may be killed."""
    process = PostgresProcess().start()
    try:
        yield process
    finally:
        process.remove()


FOUND_BY = {
    "number_without_the_lock": ("", {"I1", "I5"}),
    "number_before_the_transaction": ("", {"I4", "I7"}),
    "show_before_the_commit": ("", {"I8", "I9"}),
    "acknowledge_before_the_sync": ("database_dies", {"I1"}),
    "look_at_nothing": ("", {"I7"}),
    "believe_announcements": ("", {"I7"}),
    "go_on_after_sleep": ("node_sleeps", {"I1", "I5", "I8", "I9"}),
}
"""Of each bug the fault that it takes, and the invariants that it breaks."""


IN_DEFAULT_RUN = {"show_before_the_commit"}


@pytest.mark.parametrize(
    "bug", [pytest.param(bug, marks=[] if bug in IN_DEFAULT_RUN else [pytest.mark.long]) for bug in FOUND_BY]
)
async def test_a_bug_in_the_nodes_is_found(tmp_path: Path, server: PostgresProcess, bug: str) -> None:
    fault, broken = FOUND_BY[bug]
    changes = (f"{CHANGES}:be_impatient", f"{BUGS}:{bug}")
    with World(tmp_path, server, bug, 1, changes) as world:
        faults = Faults(world, IMPATIENT, Random(1))
        for number in range(ROUNDS):
            if await one_round(world, faults, fault, number) & broken:
                return
    pytest.fail(f"{bug} was not found")


async def one_round(world: World, faults: Faults, fault: str, number: int) -> set[str]:
    """The invariants that are broken after a while in rooms of their own, and a fault."""
    async with Load(world.port, number, tuple(f"{room}-{number}" for room in ROOMS)) as load:
        await load.until_acks(ACKS)
        if fault:
            await getattr(faults, fault)()
            await load.until_acks(ACKS)
        try:
            await load.rest(AT_REST_S)
        except UnreadableLog:
            return {"I4"}
        return {violation.invariant for violation in load.violations()}


async def test_a_reader_that_goes_on_after_removal_is_found(tmp_path: Path, server: PostgresProcess) -> None:
    """By those who are removed while nodes fail: nothing has to fail for it."""
    with World(tmp_path, server, "after_removal", 1, (f"{BUGS}:show_what_comes_after_removal",)) as world:
        async with Removals(world) as removals:
            await removals.rest()
        assert "shown or has said" in "".join(removals.wrong())
