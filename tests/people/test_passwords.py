"""Hashing takes its time away from nobody, and only so much of it may wait."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import pytest
from argon2 import PasswordHasher

from parlour.chat.passwords import QUEUE, THREADS, Passwords
from parlour.chat.profiles import ProfileChange
from parlour.core.actor import OPERATOR
from parlour.core.errors import Refusal
from tests.people.house import ADDRESS, PASSWORD, House, refused
from tests.support.stores import open_sqlite


async def test_a_hash_is_right_for_its_password_alone() -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    stored = await passwords.hash(PASSWORD, ADDRESS)
    assert stored.startswith("$argon2id$")
    assert await passwords.verify(stored, PASSWORD, ADDRESS)
    assert not await passwords.verify(stored, PASSWORD + " ", ADDRESS)
    assert not await passwords.verify(None, PASSWORD, ADDRESS)
    assert not await passwords.verify("damaged", PASSWORD, ADDRESS)
    passwords.close()


async def test_beyond_its_capacity_the_queue_of_hashes_refuses() -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1))
    outcomes = await asyncio.gather(
        *(passwords.hash(PASSWORD, ADDRESS) for _ in range(THREADS + QUEUE + 5)), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert len(refused) == 5
    assert {(refusal.code, refusal.retry_after) for refusal in refused} == {("overloaded", 2)}
    assert await passwords.hash(PASSWORD, ADDRESS), "it takes more again"
    passwords.close()


@pytest.mark.parametrize("file", ["parlour.db", "parlour.db-wal"])
async def test_no_secret_is_in_the_database(tmp_path: Path, file: str) -> None:
    house = House(await open_sqlite(tmp_path))
    alice = await house.person("alice")
    actor = await house.signed_in(alice)
    session = await house.sign_ins.begin(alice, "Firefox")
    secrets = [PASSWORD, session.secret, await house.token(actor, "read")]
    content = (tmp_path / file).read_bytes()
    await house.store.close()
    content += (tmp_path / "parlour.db").read_bytes()
    assert b"alice" in content
    assert not [secret for secret in secrets if secret.encode() in content]
    house.passwords.close()


class CountedHasher(PasswordHasher):
    """Counts what it is asked for."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.asked = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.asked += 1
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        self.asked += 1
        return super().verify(hash, password)


async def test_an_unknown_name_costs_the_same_hash_as_a_known_one(tmp_path: Path) -> None:
    """Also the first one after a start, a disabled one, and a bot, which has no password."""
    hasher = CountedHasher()
    house = House(await open_sqlite(tmp_path), passwords=Passwords(hasher))
    await house.person("olga", "owner")
    alice, bob = await house.person("alice"), await house.person("bob")
    await house.accounts.make_bot(await house.signed_in(alice), "deploy", "")
    await house.accounts.set_active(OPERATOR, bob, is_active=False)
    for name in ("nobody", "alice", "bob", "deploy", "no name at all"):
        hasher.asked = 0
        await refused("bad_credentials", house.sign_ins.sign_in(name, "wrong password!", "", ADDRESS))
        assert hasher.asked == 1, name
    hasher.asked = 0
    await refused("forbidden", house.sign_ins.sign_in("bob", PASSWORD, "", ADDRESS))
    assert hasher.asked == 1
    await house.store.close()
    house.passwords.close()


async def test_no_address_takes_all_hashes() -> None:
    waits = {"203.0.113.9": 3.5}
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1), lambda key: waits.get(key, 0.0))
    for ask in (passwords.hash(PASSWORD, "203.0.113.9"), passwords.verify(None, PASSWORD, "203.0.113.9")):
        with pytest.raises(Refusal) as caught:
            await ask
        assert (caught.value.code, caught.value.retry_after) == ("rate_limited", 3.5)
    assert await passwords.hash(PASSWORD, ADDRESS)
    passwords.close()


async def test_failures_tell_nobody_who_is_shown_under_a_name_nor_whose_it_is(house: House) -> None:
    alice = await house.person("alice")
    await house.accounts.change(await house.signed_in(alice), ProfileChange(display="Alice A."))
    for name in ("Alice A.", "Nobody N.", "alice"):
        for _ in range(5):
            await refused("bad_credentials", house.sign_ins.sign_in(name, "wrong password!", "", ADDRESS))
        await refused("rate_limited", house.sign_ins.sign_in(name, "wrong password!", "", ADDRESS))
