"""Makes a backup of the database of a server, also of one that runs, and puts one into a new data directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import apsw

from parlour.store.check import Report
from parlour.store.errors import Damaged, StoreError
from parlour.store.moving.marks import refuse_unfinished
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.check import check_database
from parlour.store.sqlite.connection import check_library, open_copy, open_reader
from parlour.store.sqlite.continuity import Look
from parlour.store.sqlite.directory import DATABASE, make_directory, refuse_strange_files, sync_directory, sync_file
from parlour.store.sqlite.migrate import migrate

STEP_PAGES = 2000
"""8 MB a step: often enough to say how far it is."""

Progress = Callable[[int, int], None]
"""Is told how many pages are left, and how many there are."""


def back_up(directory: Path, to: Path, progress: Progress) -> Report:
    """Copy the database of `directory` to the file `to`, which must not exist, and check the copy. Blocks.

    The copy is of one moment: it is made in one read transaction, for which a running server keeps its log. Gives the
    report of the check of the copy, which has no problems. Raises StoreError (Damaged for a database that is not whole,
    or lacks messages that were stored): then there is no `to`.
    """
    check_library()
    refuse_strange_files(directory)
    if not (directory / DATABASE).is_file():
        raise StoreError(f"There is no {DATABASE} in {directory}.")
    with _said(directory / DATABASE):
        look = Look(directory, os.O_RDONLY)
        look.refuse_files()
        with closing(open_reader(directory / DATABASE)) as source:
            look.refuse_loss(source)
            refuse_unfinished(cast("dict[str, object]", dict(source.execute(sql.ALL_META))), str(directory))
            return _copy(source, directory / DATABASE, to, progress)


def restore(backup: Path, directory: Path, progress: Progress) -> Report:
    """Copy a backup into a directory that is empty or does not exist, and check it; see `back_up`.

    The first start there begins a new epoch. Raises StoreError: then nothing is in the directory.
    """
    check_library()
    with _said(backup):
        _refuse_no_backup(backup)
        if directory.exists() and (there := sorted(os.listdir(directory))):
            what = f"{directory} is not empty ({', '.join(there[:3])})"
            raise StoreError(f"{what}: name another directory, or move what is there out of it first.")
        make_directory(directory.resolve())
        with closing(open_copy(backup)) as source:
            return _copy(source, backup, directory / DATABASE, progress, is_brought_forward=True)


def _refuse_no_backup(backup: Path) -> None:
    if not backup.is_file():
        raise StoreError(f"{backup} is no file.")
    if not backup.stat().st_size:
        raise Damaged(f"{backup} is empty.")
    for suffix in ("-wal", "-journal"):
        log = backup.with_name(backup.name + suffix)
        if log.exists() and log.stat().st_size:
            raise StoreError(f"{backup} has a log, {log.name}: a backup has none. Make one with `parlour backup`.")


@contextmanager
def _said(name: Path) -> Iterator[None]:
    """Turn what the system or SQLite say into a StoreError."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise Damaged(f"{name} cannot be read: {error}.") from error
    except (apsw.Error, OSError) as error:
        raise StoreError(f"{name} could not be copied: {error}.") from error


def _copy(
    source: apsw.Connection, name: Path, to: Path, progress: Progress, *, is_brought_forward: bool = False
) -> Report:
    """Write it under another name, check it, sync it, then give it its name."""
    if os.path.lexists(to):
        raise StoreError(f"{to} exists: name a file that does not.")
    partial = to.with_name(f".{to.name}.{os.getpid()}")
    os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    try:
        _pages(source, partial, progress, is_brought_forward)
        report = check_database(partial)
        if not report.is_ok:
            raise Damaged(f"{name} is damaged: {report.problems[0]}. `parlour check` names all of it.")
        sync_file(partial)
        if os.path.lexists(to):
            raise StoreError(f"{to} has been made meanwhile: name a file that does not exist.")
        os.rename(partial, to)
        sync_directory(to.parent)
    except BaseException:
        for suffix in ("", "-journal", "-wal", "-shm"):
            partial.with_name(partial.name + suffix).unlink(missing_ok=True)
        raise
    return replace(report, database=str(to))


def _pages(source: apsw.Connection, to: Path, progress: Progress, is_brought_forward: bool) -> None:
    with closing(apsw.Connection(str(to))) as copy:
        copy.pragma("synchronous", 0)  # it is synced as a whole
        source.execute("BEGIN")
        source.pragma("schema_version")  # from here on it is the state of this moment
        with copy.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step(STEP_PAGES)
                progress(backup.remaining, backup.page_count)
        source.execute("COMMIT")
        if is_brought_forward:
            migrate(copy)
        copy.pragma("journal_mode", "delete")  # so that the file alone can be read where nothing may be written
