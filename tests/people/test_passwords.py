"""Hashing takes its time away from nobody, and only so much of it may wait."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from parlour.chat.passwords import QUEUE, THREADS, Passwords
from parlour.core.errors import Refusal
from tests.people.house import PASSWORD, House
from tests.support.stores import open_sqlite


async def test_a_hash_is_right_for_its_password_alone() -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    stored = await passwords.hash(PASSWORD)
    assert stored.startswith("$argon2id$")
    assert await passwords.verify(stored, PASSWORD)
    assert not await passwords.verify(stored, PASSWORD + " ")
    assert not await passwords.verify(None, PASSWORD)
    assert not await passwords.verify("damaged", PASSWORD)
    passwords.close()


async def test_beyond_its_capacity_the_queue_of_hashes_refuses() -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1))
    outcomes = await asyncio.gather(
        *(passwords.hash(PASSWORD) for _ in range(THREADS + QUEUE + 5)), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert len(refused) == 5
    assert {(refusal.code, refusal.retry_after) for refusal in refused} == {("overloaded", 2)}
    assert await passwords.hash(PASSWORD), "it takes more again"
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
