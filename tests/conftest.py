"""Set-up of all tests: default signals, event loops beside a running browser, and how many examples are tried."""

from __future__ import annotations

import gc
import inspect
import os
import signal
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, nullcontext

import pytest

from tests.support.loops import no_loop_running
from tests.support.many import load_profile
from tests.support.postgres import Databases, shared_postgres

# Started in the background by a shell, the tests inherit that SIGINT is ignored, and so would every program they start
# and interrupt. A handler of Python's own is not inherited: those programs begin with the default.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    load_profile(is_long=config.option.markexpr != "not long")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """A PostgreSQL for all tests, also those of other workers."""
    base = tmp_path_factory.getbasetemp()
    with shared_postgres((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "postgres") as directory:
        yield Databases(directory)


@pytest.fixture
def database(postgres: Databases) -> Iterator[str]:
    """The address of a new database, with the tables of a store."""
    with postgres.with_tables() as url:
        yield url


@pytest.fixture
def emptied_database(postgres: Databases) -> Iterator[str]:
    """The same, for tests that work with a store alone: it may have been that of others, and has nothing of theirs."""
    with postgres.emptied() as url:
        yield url


@pytest.fixture
def empty_database(postgres: Databases) -> Iterator[str]:
    """The address of a new database in which no store ever was."""
    with postgres.new() as url:
        yield url


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing that is collected is garbage before the end: Python need not look through it again and again."""
    gc.disable()
    result = yield
    gc.collect()
    gc.freeze()
    gc.enable()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    with _loop_for(item):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    with _loop_for(item):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    with _loop_for(item):
        yield


def _loop_for(item: pytest.Item) -> AbstractContextManager[None]:
    """A test without Playwright may run a loop of its own, also while the browser of earlier tests is open."""
    is_browser_test = (
        not {"browser", "tab", "engine"}.isdisjoint(getattr(item, "fixturenames", ()))
        or getattr(getattr(item, "module", None), "chromium", None) is not None
    )
    is_coroutine = inspect.iscoroutinefunction(getattr(item, "obj", None))
    return nullcontext() if is_browser_test and not is_coroutine else no_loop_running()
