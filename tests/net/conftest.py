"""Event loops for the tests of this folder: the one the server runs on, and the one of programs that embed it."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

from tests.support.inprocess import LoopFactory


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def new_loop(request: pytest.FixtureRequest) -> LoopFactory:
    factory: LoopFactory = request.param
    return factory
