"""`parlour chat` of somebody who has signed in: real processes on real pseudo-terminals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.people.server import Town
from tests.support.machine import Machine
from tests.support.server import ServerProcess


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("chat-signed-in") / "data") as server:
        town = Town(server)
        yield town
        town.close()


@pytest.fixture(scope="module")
def machine(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Where olga has signed in, for those who do not end that."""
    made = Machine(tmp_path_factory.mktemp("machine") / "config")
    made.sign_in(town.url)
    return made


@pytest.fixture
def own_machine(town: Town, tmp_path: Path) -> Machine:
    """Another one."""
    made = Machine(tmp_path / "config")
    made.sign_in(town.url)
    return made


def prompt(lines: list[str]) -> str:
    return lines[-1] if lines else ""


def private_room(town: Town) -> str:
    made = town.owner.post("/api/v1/rooms", json={"title": "Leads", "access": "private"})
    return str(made.json()["room"])


def end(town: Town, machine: Machine) -> None:
    assert town.owner.delete(f"/api/v1/sign-ins/{machine.stored()[town.url]['id']}").status_code == 204


def test_who_is_signed_in_is_shown_so_and_sees_what_becomes_of_a_private_room(town: Town, machine: Machine) -> None:
    town.join("bob")
    room = private_room(town)
    with machine.terminal("chat", f"{town.url}/{room}") as chat:
        chat.wait_for("signed in as olga, /help for help")
        chat.wait_for("* olga made this private room, “Leads”")
        chat.wait_for(lambda: prompt(chat.lines).startswith("olga>"))
        town.owner.put(f"/api/v1/rooms/{room}/members/bob", json={})
        chat.wait_for("* olga added bob")
        town.owner.patch(f"/api/v1/rooms/{room}", json={"title": "Heads"})
        chat.wait_for("* olga named this room “Heads”")
        town.owner.put(f"/api/v1/rooms/{room}/members/bob", json={"role": "moderator"})
        chat.wait_for("* olga made bob a moderator")
        town.owner.delete(f"/api/v1/rooms/{room}/members/bob")
        chat.wait_for("* olga removed bob")
        chat.type("/name bob\r")
        chat.wait_for("the name of your account")
        chat.type("hello\r")
        chat.wait_for("olga: hello")
        chat.type("\x04")
        assert chat.wait_for_end() == 0
        assert chat.is_as_found()


def test_a_name_changed_since_is_the_one_that_is_shown(town: Town, machine: Machine) -> None:
    assert town.owner.patch("/api/v1/me", json={"display": "Olga O."}).status_code == 200
    with machine.terminal("chat", f"{town.url}/lobby") as chat:
        chat.wait_for("signed in as Olga O., ")
        chat.wait_for(lambda: prompt(chat.lines).startswith("Olga O.>"))
    assert town.owner.patch("/api/v1/me", json={"display": "olga"}).status_code == 200


def test_the_conversation_ends_with_the_sign_in_and_keeps_what_was_typed(town: Town, own_machine: Machine) -> None:
    with own_machine.terminal("chat", f"{town.url}/{private_room(town)}") as chat:
        chat.wait_for("/help for help")
        chat.type("half a line")
        chat.wait_for("half a line")
        end(town, own_machine)
        assert chat.wait_for_end() == 1
        assert chat.is_as_found()
        said = [line for line in chat.lines if line.startswith("parlour: ")]
        assert len(said) == 2
        assert said[0].startswith(f"parlour: your sign-in to {town.url} has ended (")
        assert said[1] == "parlour: not sent: half a line"


def test_who_is_signed_in_no_more_cannot_begin(town: Town, own_machine: Machine) -> None:
    end(town, own_machine)
    with own_machine.terminal("chat", f"{town.url}/lobby") as chat:
        assert chat.wait_for_end() == 1
        assert len(chat.lines) == 1
        assert "has ended" in chat.lines[0]


def test_who_is_removed_from_a_room_is_told_why_it_ends(town: Town, machine: Machine) -> None:
    bob, room = town.join("bobby"), private_room(town)
    town.owner.put(f"/api/v1/rooms/{room}/members/bobby", json={})
    token = town.token(bob, "read", "post")
    with machine.terminal("chat", f"{town.url}/{room}", PARLOUR_TOKEN=token) as chat:
        chat.wait_for("signed in as bobby")
        town.owner.delete(f"/api/v1/rooms/{room}/members/bobby")
        assert chat.wait_for_end() == 1
        chat.wait_for("* olga removed bobby")
        assert "You are not in this room any more. (not_found)" in chat.lines[-1]
        assert token.encode() not in chat.output
