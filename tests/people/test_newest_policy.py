"""Posts that wait for the newest policy of a room: bounded, in order for each sender, and answered whatever happens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from parlour.chat.newest_policy import OVERHEAD, NewestPolicies
from parlour.chat.policies import Policies
from parlour.core.errors import Refusal
from parlour.store.memory import MemoryStore
from tests.support.stores import CountedIds, HandClock


class Slow(MemoryStore):
    """A store that says what is newest when the test lets it, or fails."""

    def __init__(self) -> None:
        super().__init__(HandClock(), CountedIds())
        self.go_on = asyncio.Event()
        self.error: Exception | None = None

    async def newest(self, room: str) -> tuple[int, int]:
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        return await super().newest(room)


class Sender:
    """Posts texts, and remembers what came of them."""

    def __init__(self, name: str, newest: NewestPolicies) -> None:
        self.name, self._newest = name, newest
        self.heard: list[str] = []

    def post(self, text: str, fails: Exception | None = None) -> None:
        def done(answer: Any) -> None:
            self.heard.append(f"{text}: {answer.code}")

        def post() -> None:
            if fails is not None:
                raise fails
            self.heard.append(text)

        self._newest.wait(self.name, "lobby", 100, post, done)


async def until_answered(*senders: Sender, count: int) -> None:
    async with asyncio.timeout(30):
        while sum(len(sender.heard) for sender in senders) < count:
            await asyncio.sleep(0)


async def test_those_of_a_sender_keep_their_order_and_nobody_else_waits_for_them() -> None:
    store = Slow()
    newest = NewestPolicies(store, Policies("open"))
    alice = Sender("alice", newest)
    alice.post("one")
    alice.post("two")
    assert ("alice", "lobby") in newest.waiting
    assert ("bob", "lobby") not in newest.waiting
    assert ("alice", "den") not in newest.waiting
    store.go_on.set()
    await until_answered(alice, count=2)
    assert alice.heard == ["one", "two"]
    assert ("alice", "lobby") not in newest.waiting


@pytest.mark.parametrize("error", [Refusal("storage_unavailable"), RuntimeError("on purpose")])
async def test_a_policy_that_cannot_be_read_refuses_those_that_wait_and_the_next_is_tried(error: Exception) -> None:
    store = Slow()
    newest = NewestPolicies(store, Policies("open"))
    alice = Sender("alice", newest)
    store.error = error
    alice.post("one")
    alice.post("two")
    store.go_on.set()
    await until_answered(alice, count=2)
    assert alice.heard == ["one: storage_unavailable", "two: storage_unavailable"]
    store.error = None
    alice.post("three")
    await until_answered(alice, count=3)
    assert alice.heard[-1] == "three"


async def test_one_that_fails_holds_nobody_up() -> None:
    store = Slow()
    newest = NewestPolicies(store, Policies("open"))
    alice = Sender("alice", newest)
    alice.post("one", RuntimeError("on purpose"))
    alice.post("two", Refusal("not_found"))
    alice.post("three")
    store.go_on.set()
    await until_answered(alice, count=3)
    assert alice.heard == ["one: internal", "two: not_found", "three"]


async def test_only_so_much_waits() -> None:
    store = Slow()
    newest = NewestPolicies(store, Policies("open"), most_bytes=2 * (100 + OVERHEAD))
    alice, bob = Sender("alice", newest), Sender("bob", newest)
    alice.post("one")
    bob.post("two")
    with pytest.raises(Refusal, match="wait for the database"):
        bob.post("three")
    store.go_on.set()
    await until_answered(alice, bob, count=2)
    bob.post("four")
    await until_answered(alice, bob, count=3)
    assert (alice.heard, bob.heard) == (["one"], ["two", "four"])
