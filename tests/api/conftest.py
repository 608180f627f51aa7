"""One server for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.server import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("api") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def http(server: ServerProcess) -> Iterator[httpx.Client]:
    """A client that sends nothing of its own accord but Host, and Accept: */* as curl does."""
    with server.client() as client:
        client.headers = httpx.Headers({"Accept": "*/*"})
        yield client
