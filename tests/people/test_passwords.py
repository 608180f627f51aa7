"""Hashing takes its time away from nobody, and only so much of it may wait."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Literal

import pytest
from argon2 import PasswordHasher

from parlour.chat import hash_child
from parlour.chat.hash_child import missing_kib
from parlour.chat.identities import Credentials
from parlour.chat.passwords import PARAMETERS, QUEUE, THREADS, Passwords
from parlour.chat.profiles import ProfileChange
from parlour.chat.tables.accounts import PASSWORD_OF
from parlour.core.actor import OPERATOR
from parlour.core.errors import Refusal
from parlour.core.payloads import SignInChanged
from tests.people.house import ADDRESS, PASSWORD, House, refused
from tests.support.stores import open_sqlite
from tests.support.timeout import TIMEOUT_S


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


WEAK, STRONG = (1, 8, 1), (2, 16, 1)


async def rebuilt(house: House, hasher: PasswordHasher) -> House:
    """The same server after a start with other parameters of hashes."""
    house.passwords.close()
    again = House(house.store, passwords=Passwords(hasher), ids=house.ids)
    await again.identities.load()
    return again


async def hash_of(house: House, name: str) -> str:
    account = house.identities.accounts.named(name)
    assert account is not None
    (stored,) = await house.store.query(PASSWORD_OF(account.id))
    assert stored is not None
    return stored


async def test_a_password_is_hashed_again_when_stronger_parameters_are_wanted(house: House) -> None:
    await house.person("alice")
    house = await rebuilt(house, PasswordHasher(*STRONG))
    weak, by_password = await hash_of(house, "alice"), Credentials("password", PASSWORD, "alice")
    await refused("bad_credentials", house.sign_ins.sign_in("alice", "wrong password!", "", ADDRESS))
    assert await hash_of(house, "alice") == weak
    before = len(house.log)
    one, two, third = await asyncio.gather(  # whoever is second does not take it for a new password
        house.sign_ins.sign_in("alice", PASSWORD, "", ADDRESS),
        house.sign_ins.sign_in("alice", PASSWORD, "", ADDRESS),
        house.identities.identify(by_password, ADDRESS),
    )
    strong = await hash_of(house, "alice")
    assert "$m=16,t=2,p=1$" in strong
    assert {each.what for each in house.log[before:] if isinstance(each, SignInChanged)} == {"begun"}
    assert len(house.log) == before + 2, "nothing has changed for anybody"
    assert one.account == two.account == (third and third.account)
    await house.sign_ins.sign_in("alice", PASSWORD, "", ADDRESS)
    assert await hash_of(house, "alice") == strong
    house = await rebuilt(house, PasswordHasher(*WEAK))
    await house.sign_ins.sign_in("alice", PASSWORD, "", ADDRESS)
    assert await hash_of(house, "alice") == strong, "a stronger one is kept"
    house.passwords.close()


async def test_who_may_have_no_further_hash_now_is_signed_in_all_the_same(house: House) -> None:
    await house.person("alice")
    house.passwords.close()
    waits = iter((0.0, 3.5))
    again = House(house.store, passwords=Passwords(PasswordHasher(*STRONG), lambda _: next(waits)), ids=house.ids)
    await again.identities.load()
    weak = await hash_of(again, "alice")
    await again.sign_ins.sign_in("alice", PASSWORD, "", ADDRESS)
    assert await hash_of(again, "alice") == weak
    again.passwords.close()


class SlowHasher(PasswordHasher):
    """Whose first hash is not there before `go` is set."""

    def __init__(self) -> None:
        super().__init__(*STRONG)
        self.began, self.go = threading.Event(), threading.Event()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        if not self.began.is_set():
            self.began.set()
            assert self.go.wait(TIMEOUT_S)
        return super().hash(password, salt=salt)


async def test_a_password_that_is_changed_while_it_is_hashed_again_lets_nobody_in(house: House) -> None:
    await house.person("olga", "owner")
    alice = await house.person("alice")
    link = await house.invitations.reset(OPERATOR, alice)
    hasher = SlowHasher()
    house = await rebuilt(house, hasher)
    by_old = asyncio.create_task(house.sign_ins.sign_in("alice", PASSWORD, "", ADDRESS))
    assert await asyncio.to_thread(hasher.began.wait, TIMEOUT_S)
    await house.accounts.reset_password(link.secret, "another few words of hers")
    hasher.go.set()
    await refused("bad_credentials", by_old)
    await house.sign_ins.sign_in("alice", "another few words of hers", "", ADDRESS)
    house.passwords.close()


@pytest.mark.parametrize("weak", [(1, 8, 1), (1, 47104, 1), (2, 32768, 1), (3, 30000, 1)])
def test_what_a_weak_hash_costs_less_is_made_up_for(weak: tuple[int, int, int]) -> None:
    """About as much memory is gone through as by a hash of now."""
    hasher, (passes, kib, _) = PasswordHasher(*PARAMETERS), weak
    stored = "$argon2id$v=19$m={1},t={0},p={2}$".format(*weak) + PasswordHasher(*WEAK).hash("x").split("$", 4)[4]
    wanted = PARAMETERS[0] * PARAMETERS[1]
    assert abs(passes * kib + PARAMETERS[0] * missing_kib(hasher, stored) - wanted) <= 0.06 * wanted
    assert missing_kib(hasher, hasher.hash("x")) == 0


def test_a_wrong_password_for_a_weak_hash_is_not_answered_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, int]] = []

    class Noted(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            made.append((self.time_cost, self.memory_cost))
            return super().hash(password, salt=salt)

    monkeypatch.setattr(hash_child, "PasswordHasher", Noted)
    weak, hasher = PasswordHasher(*WEAK).hash("x"), Noted(2, 64, 1)
    assert not hash_child.is_right(hasher, weak, "y")
    assert made == [(2, missing_kib(hasher, weak))]
    assert hash_child.is_right(hasher, weak, "x")
    assert not hash_child.is_right(hasher, PasswordHasher(2, 64, 1).hash("x"), "y")
    assert len(made) == 1
