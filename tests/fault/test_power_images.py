"""The model of a disk that loses its power: nothing that was synced is lost, and anything else may be."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fault.power.disk import PAGE, Disk
from tests.fault.power.images import FATES, SECTOR, Fate, Kept, NamesLost, Sectors, image
from tests.fault.power.judge import write
from tests.fault.power.operations import (
    Bind,
    Create,
    Image,
    Operation,
    Record,
    Remove,
    Socket,
    Sync,
    Truncate,
    Write,
)
from tests.fault.power.server import snapshot


def disk_after(*operations: Operation, files: Image | None = None) -> Disk:
    disk = Disk(Record(files or {}, []))
    for operation in operations:
        disk.apply(operation)
    return disk


def images(disk: Disk) -> list[Image]:
    """What many cuts of every kind leave."""
    return [image(disk, fate(disk, Random(seed))) for fate in FATES for seed in range(20)]


def test_what_is_synced_with_its_directory_is_in_every_image() -> None:
    disk = disk_after(Create("a"), Write("a", 3, b"one"), Sync("a", 2), Sync("", 3))
    assert all(found == {"a": b"\0\0\0one"} for found in images(disk))


def test_a_synced_file_has_no_name_until_its_directory_is_synced() -> None:
    disk = disk_after(Create("d", is_directory=True), Create("d/a"), Write("d/a", 0, b"one"), Sync("d/a", 3))
    assert image(disk, NamesLost(disk, Random(0))) == {}
    disk.apply(Sync("d", 4))
    assert image(disk, NamesLost(disk, Random(0))) == {}, "the name of the directory is in the one above"
    disk.apply(Sync("", 5))
    assert all(found == {"d": None, "d/a": b"one"} for found in images(disk))


def test_a_removed_name_may_come_back_until_its_directory_is_synced() -> None:
    disk = disk_after(Remove("a"), files={"a": b"old"})
    assert {found.get("a") for found in images(disk)} == {b"old", None}
    disk.apply(Sync("", 1))
    assert all(found == {} for found in images(disk))


def test_the_name_of_a_socket_is_lost_and_comes_back_as_that_of_a_file(tmp_path: Path) -> None:
    disk = disk_after(Bind("s"))
    found = images(disk)
    assert {each.get("s") for each in found} == {Socket(), None}
    for number, each in enumerate(found):
        assert snapshot(write(each, tmp_path / f"{number}")) == each
    disk.apply(Sync("", 1))
    assert all(each == {"s": Socket()} for each in images(disk))
    disk.apply(Remove("s"))
    assert {each.get("s") for each in images(disk)} == {Socket(), None}


def test_what_is_not_synced_is_there_by_sectors_that_are_old_or_new() -> None:
    disk = disk_after(Write("a", 0, b"n" * PAGE), files={"a": b"o" * PAGE})
    found = {image(disk, Sectors(disk, Random(seed)))["a"] for seed in range(50)}
    assert len(found) > 40
    for content in found:
        assert isinstance(content, bytes)
        assert {content[at : at + SECTOR] for at in range(0, PAGE, SECTOR)} <= {b"n" * SECTOR, b"o" * SECTOR}


def test_a_sync_covers_what_came_before_it_began() -> None:
    disk = disk_after(Write("a", 0, b"new"), Write("a", 0, b"too"), Sync("a", 1), files={"a": b"old"})
    assert image(disk, Fate(disk, Random(0))) == {"a": b"new"}
    assert image(disk, Kept(disk, Random(0))) == {"a": b"too"}


def test_what_a_failed_sync_did_not_cover_is_not_covered_by_the_next_one_either() -> None:
    disk = disk_after(Write("a", 0, b"new"), Sync("a", 1, failed=True), Sync("a", 2), files={"a": b"old"})
    assert image(disk, Fate(disk, Random(0))) == {"a": b"old"}
    disk.apply(Write("a", 0, b"too"))
    disk.apply(Sync("a", 4))
    assert all(found == {"a": b"too"} for found in images(disk))


def test_what_is_written_anew_after_a_failed_sync_takes_the_size_with_it() -> None:
    disk = disk_after(Write("a", 0, b"new"), Sync("a", 1, failed=True), files={"a": b""})
    assert image(disk, Fate(disk, Random(0))) == {"a": b""}
    disk.apply(Write("a", 0, b"new"))
    disk.apply(Sync("a", 3))
    assert all(found == {"a": b"new"} for found in images(disk))


def test_a_file_is_shortened_as_a_whole_or_not_at_all() -> None:
    old = bytes([1]) * 3 * PAGE
    disk = disk_after(Truncate("a", 0), files={"a": old})
    assert {found["a"] for found in images(disk)} == {old, b""}
    disk.apply(Write("a", PAGE, bytes([2]) * PAGE))
    for found in images(disk):
        content = found["a"]
        assert isinstance(content, bytes)
        assert content == old or bytes([1]) * SECTOR not in content, "the new end, and what had been cut off"


@given(st.lists(st.tuples(st.sampled_from("wts"), st.integers(0, 3 * PAGE), st.integers(1, 2 * PAGE)), max_size=12))
def test_all_kept_is_what_a_program_reads_and_all_lost_is_what_it_read_at_the_last_sync(
    steps: list[tuple[str, int, int]],
) -> None:
    now = synced = b""
    disk = Disk(Record({"a": b""}, []))
    for number, (kind, at, size) in enumerate(steps):
        if kind == "w":
            data = bytes([number + 1]) * size
            now = now[:at].ljust(at, b"\0") + data + now[at + size :]
            disk.apply(Write("a", at, data))
        elif kind == "t":
            now = now[:at].ljust(at, b"\0")
            disk.apply(Truncate("a", at))
        else:
            synced = now
            disk.apply(Sync("a", number))
        assert image(disk, Kept(disk, Random(0)))["a"] == now
        assert image(disk, Fate(disk, Random(0)))["a"] == synced


@pytest.mark.parametrize("fate", FATES, ids=lambda fate: fate.__name__)
def test_every_fate_differs_from_what_was_kept_or_lost_somewhere(fate: type[Fate]) -> None:
    """A kind of image that is none would prove nothing."""
    files: Image = {"a.db": b"o" * 2 * PAGE, "a.db-wal": b"o" * PAGE}
    disk = disk_after(
        Write("a.db-wal", 0, b"n" * PAGE),
        Write("a.db-wal", PAGE, b"n" * PAGE),
        Write("a.db", 0, b"n" * 3 * PAGE),
        Create("b"),
        files=files,
    )
    found = {str(image(disk, fate(disk, Random(seed)))) for seed in range(20)}
    others = {str(image(disk, other(disk, Random(0)))) for other in (Fate, Kept) if other is not fate}
    assert found - others
