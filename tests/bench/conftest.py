"""The C programs of the bench, made once for all its tests."""

from __future__ import annotations

import subprocess

import pytest

from bench.servers import BENCH


@pytest.fixture(scope="session", autouse=True)
def _programs() -> None:
    subprocess.run([str(BENCH / "prepare"), "--own"], check=True)
