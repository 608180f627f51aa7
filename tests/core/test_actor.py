"""An actor is known by what others cannot have, and is the same each time."""

from __future__ import annotations

from parlour.core.actor import PROGRAM, Actor, guest


def test_a_guest_is_known_by_the_cookie_and_without_one_by_the_address() -> None:
    assert guest("token", "127.0.0.1") == Actor("guest", "session:token", "cookie", "127.0.0.1")
    assert guest(None, "127.0.0.1") == Actor("guest", "address:127.0.0.1", "address", "127.0.0.1")
    assert guest("token", "127.0.0.1").id == guest("token", "::1").id


def test_a_cookie_an_address_and_the_program_are_never_the_same_actor() -> None:
    assert len({guest("process", "a").id, guest(None, "process").id, PROGRAM.id}) == 3
