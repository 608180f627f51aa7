"""Guessing passwords costs the guesser time, and costs whoever has the password nothing."""

from __future__ import annotations

import pytest

from parlour.chat.sign_in_throttle import FREE, KEPT, LONGEST_S, STRANGERS, SignInThrottle
from parlour.core.errors import Refusal
from tests.people.house import ADDRESS, PASSWORD, House, refused
from tests.support.stores import HandClock

STRANGER = "198.51.100.1"
WRONG = "wrong password!"


class Guesses:
    """A throttle whose clock is wound by hand."""

    def __init__(self, kept: int = KEPT) -> None:
        self.now = 1000.0
        self.throttle = SignInThrottle(lambda: self.now, kept)

    def wait_s(self, name: str, address: str, device: str | None = None) -> float:
        try:
            self.throttle.check(name, address, device)
        except Refusal as refusal:
            return refusal.retry_after or 0.0
        return 0.0

    def guess(self, name: str, address: str, device: str | None = None) -> None:
        """A wrong one, as soon as it is let through."""
        self.now += self.wait_s(name, address, device)
        self.throttle.failed(name, address, device)


def test_the_delays_double_up_to_a_quarter_of_an_hour() -> None:
    guesses, waits = Guesses(), []
    for _ in range(FREE + 12):
        guesses.guess("alice", STRANGER)
        waits.append(guesses.wait_s("alice", STRANGER))
    assert waits[: FREE - 1] == [0.0] * (FREE - 1)
    assert waits[FREE - 1 : FREE + 3] == [1.0, 2.0, 4.0, 8.0]
    assert waits[-2:] == [LONGEST_S, LONGEST_S]


def test_from_all_addresses_together_a_name_is_guessed_no_faster() -> None:
    guesses = Guesses()
    for number in range(STRANGERS):
        guesses.guess("alice", f"2001:db8:0:{number:x}::/64")
    assert guesses.wait_s("alice", "203.0.113.200") == 1.0
    assert guesses.wait_s("bob", "203.0.113.200") == 0.0, "others are not concerned"


def test_strangers_lock_out_no_device_that_has_signed_in_before() -> None:
    guesses = Guesses()
    for number in range(3 * STRANGERS):
        guesses.guess("alice", f"203.0.113.{number % 250}")
    assert guesses.wait_s("alice", STRANGER) > 0.0
    assert guesses.wait_s("alice", STRANGER, "hers") == 0.0
    for _ in range(FREE):
        guesses.guess("alice", STRANGER, "hers")
    assert guesses.wait_s("alice", STRANGER, "hers") == 1.0, "whoever has stolen it guesses no faster"
    assert guesses.wait_s("alice", STRANGER, "another") == 0.0


def test_what_one_is_counted_for_is_not_pushed_out_by_other_names() -> None:
    guesses = Guesses(kept=1000)
    for _ in range(FREE - 1):
        guesses.guess("alice", STRANGER)
    for number in range(3000):
        guesses.guess(f"name{number}", STRANGER)
    guesses.guess("alice", STRANGER)
    assert guesses.wait_s("alice", STRANGER) == 1.0
    guesses.now += 2 * LONGEST_S
    for number in range(2):
        guesses.guess(f"later{number}", STRANGER)
    assert len(guesses.throttle) < 10, "what is old takes no memory"


@pytest.mark.parametrize("names", [("alice", "Alice", "ALICE"), ("nobody", "Nobody", "NOBODY")])
async def test_a_name_nobody_has_is_counted_like_one_that_somebody_has(house: House, names: tuple[str, ...]) -> None:
    """Else the sixth spelling of a name would tell whether there is such an account."""
    await house.person("alice")
    for number in range(FREE):
        await refused("bad_credentials", house.sign_ins.sign_in(names[number % 3], WRONG, "", STRANGER))
    await refused("rate_limited", house.sign_ins.sign_in(names[0], WRONG, "", STRANGER))


async def test_what_can_be_no_name_takes_no_memory(house: House) -> None:
    for number in range(FREE):
        await refused("bad_credentials", house.sign_ins.sign_in(f"{number}" * 60_000, WRONG, "", STRANGER))
    await refused("rate_limited", house.sign_ins.sign_in("?" * 60_000, WRONG, "", STRANGER))


async def test_one_who_has_signed_in_changes_the_password_while_strangers_guess_it(house: House) -> None:
    alice = await house.person("alice")
    actor = (await house.signed_in(alice))._replace(address="192.0.2.99")
    for number in range(STRANGERS):
        with pytest.raises(Refusal):
            await house.sign_ins.sign_in("alice", WRONG, "", f"203.0.113.{number}")
    await refused("rate_limited", house.sign_ins.sign_in("alice", PASSWORD, "", "192.0.2.99"))
    await house.accounts.change_password(actor, PASSWORD, "a wholly new password")


async def test_a_device_is_known_by_its_cookie_for_its_account_alone(house: House) -> None:
    alice, bob = await house.person("alice"), await house.person("bob")
    devices = house.identities.devices
    cookie = devices.sealed(alice.id, "laptop")
    assert devices.device_of(alice.id, cookie) == "laptop"
    for other in (cookie + "A", cookie[:-1], "laptop", "laptop.", "", "\u00e4." + cookie[7:], "x" * 9999 + cookie):
        assert devices.device_of(alice.id, other) is None
    assert devices.device_of(bob.id, cookie) is None
    for _ in range(FREE):
        await refused("bad_credentials", house.sign_ins.sign_in("alice", WRONG, "", STRANGER))
    await refused("rate_limited", house.sign_ins.sign_in("alice", PASSWORD, "", STRANGER))
    await house.sign_ins.sign_in("alice", PASSWORD, "", STRANGER, cookie)
    assert isinstance(house.clock, HandClock)
    await house.sign_ins.sign_in("bob", PASSWORD, "", ADDRESS, cookie)
