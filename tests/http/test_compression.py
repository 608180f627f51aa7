"""Compressing answers: off the loop, once for many, and never more than can wait."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import AsyncIterator
from time import thread_time

import pytest

from parlour.http.compression import AT_ONCE_BYTES, KEPT_BYTES, MIN_BYTES, VARY, WAITING, Compressor, is_worth_it, mark
from parlour.http.response import Response

WORDS = [b"room", b"event", b"cursor", b"seq", b"message", b"stored", b"reader", b"hub", b"page"]


def text(size: int, seed: int = 0) -> bytes:
    chance = random.Random(seed)
    return b" ".join(chance.choices(WORDS, k=size // 5))[:size]


@pytest.fixture
async def compressor() -> AsyncIterator[Compressor]:
    running = Compressor()
    yield running
    running.close()


@pytest.mark.parametrize("size", [MIN_BYTES, AT_ONCE_BYTES, AT_ONCE_BYTES + 1, 1024 * 1024])
@pytest.mark.parametrize("is_shared", [True, False])
async def test_body_when_decompressed_is_what_it_was(compressor: Compressor, size: int, *, is_shared: bool) -> None:
    body = text(size)
    for _ in range(2):
        done = await compressor.compress(body, is_shared=is_shared)
        assert done is not None
        assert gzip.decompress(done.body) == body


async def test_large_body_takes_no_time_of_the_loop(compressor: Compressor) -> None:
    body = text(8 * 1024 * 1024)
    began = thread_time()
    done = await compressor.compress(body, is_shared=False)
    own = thread_time() - began
    assert done is not None
    assert own < done.seconds / 5


async def test_equal_bodies_are_compressed_once_at_the_same_time_and_later(compressor: Compressor) -> None:
    for size in (AT_ONCE_BYTES // 2, AT_ONCE_BYTES * 4):
        together = [compressor.compress(text(size), is_shared=True) for _ in range(200)]
        done = [*await asyncio.gather(*together), await compressor.compress(text(size), is_shared=True)]
        assert sum(one is not None and one.seconds > 0 for one in done) == 1
        assert len({one.body for one in done if one is not None}) == 1
        assert None not in done


async def test_bodies_beyond_what_can_wait_go_out_as_they_are(compressor: Compressor) -> None:
    bodies = [text(AT_ONCE_BYTES * 4, seed) for seed in range(WAITING + 20)]
    done = await asyncio.gather(*[compressor.compress(body, is_shared=False) for body in bodies])
    assert done.count(None) == 20
    assert await compressor.compress(bodies[0], is_shared=False) is not None, "there is room again"


async def test_one_who_goes_away_takes_nobody_elses_answer_along(compressor: Compressor) -> None:
    body = text(1024 * 1024)
    first, second = (asyncio.ensure_future(compressor.compress(body, is_shared=True)) for _ in range(2))
    await asyncio.sleep(0)
    second.cancel()
    done = await first
    assert done is not None
    assert gzip.decompress(done.body) == body


async def test_what_is_kept_is_bounded_and_the_least_used_goes(compressor: Compressor) -> None:
    size = KEPT_BYTES // 8
    for seed in range(12):
        await compressor.compress(text(size, seed), is_shared=True)
        again = await compressor.compress(text(size), is_shared=True)
        assert again is not None
        assert again.seconds == 0 or seed == 0, "asked for again and again, it stays"
    old = await compressor.compress(text(size, 1), is_shared=True)
    assert old is not None
    assert old.seconds > 0


def test_only_what_is_large_enough_and_was_not_chosen_by_coding_is_worth_it() -> None:
    assert is_worth_it(Response(body=b"x" * MIN_BYTES))
    assert not is_worth_it(Response(body=b"x" * (MIN_BYTES - 1)))
    assert not is_worth_it(Response(body=b"x" * MIN_BYTES, fields=(VARY,)))


def test_answer_that_does_not_get_smaller_stays_as_it_is() -> None:
    response = Response(body=b"short")
    mark(response, b"longer than before")
    assert (response.body, response.fields) == (b"short", (VARY,))
