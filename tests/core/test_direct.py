"""Addresses of people, and the rule of who may write to whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.core.accounts import Account, Role
from parlour.core.direct import Conversation, direct_address, direct_names, refused_direct, room_or_people
from parlour.core.errors import Refusal
from parlour.core.typed_room import room_as_typed

ID = "u_Cx2vVJtqRmGm3LrTzpsBKQ"


def person(name: str, role: Role = "member", **changes: str) -> Account:
    given = {"kind": "member", "owner": None, "state": "active"} | changes
    return Account(f"id-{name}", name, name.title(), given["kind"], role, given["owner"], given["state"])  # type: ignore[arg-type]


ANN, BOB, EVE = person("ann"), person("bob"), person("eve")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("@alice", "@alice"),
        ("@Alice+BOB", "@alice+bob"),
        ("@alice bob", "@alice+bob"),  # a + in a query
        ("@alice,bob", "@alice+bob"),
        ("@me", "@me"),
        (f"@{ID}", f"@{ID}"),
        ("@admin", "@admin"),  # which nobody can be called
        ("@Jürgen", "@jürgen"),
    ],
)
def test_an_address_names_people_in_their_canonical_form(written: str, meant: str) -> None:
    assert room_or_people(written) == meant
    assert room_or_people(meant) == meant


@pytest.mark.parametrize(
    "wrong", ["@", "@+", "@alice+", "@alice++bob", "@a/b", "@@alice", "@" + "a" * 3000, "@\u202ealice"]
)
def test_what_nobody_can_be_called_is_no_address(wrong: str) -> None:
    with pytest.raises(Refusal) as refused:
        direct_names(wrong)
    assert refused.value.code == "bad_room_name"


@given(st.text(max_size=80))
def test_whatever_is_written_is_an_address_or_refused(text: str) -> None:
    try:
        names = direct_names(f"@{text}")
    except Refusal:
        return
    assert direct_names("@" + "+".join(names)) == names


def test_people_type_such_an_address_where_a_room_is_asked_for() -> None:
    assert room_as_typed("@Alice", "http://host") == room_as_typed("http://host/@alice", "http://host") == "@alice"
    assert direct_address(["bob", "alice"]) == "@alice+bob"
    assert direct_address([]) == "@me"


def refused(conversation: Conversation) -> str:
    refusal = refused_direct(conversation)
    return "" if refusal is None else refusal.detail


def test_everybody_writes_to_everybody_where_nothing_else_is_said() -> None:
    assert refused(Conversation("members", ANN, [BOB])) == ""
    assert refused(Conversation("members", ANN, [BOB, EVE])) == ""


def test_who_is_blocked_by_one_of_them_is_told_that_and_nothing_else() -> None:
    told = "Bob does not take messages from you."
    for rule in ("members", "shared", "staff", "nobody"):
        assert refused(Conversation(rule, ANN, [BOB], blocked_by={"id-bob"})) == told
    assert refused(Conversation("members", ANN, [BOB, EVE], blocked_by={"id-bob"})) == told


def test_nobody_writes_to_one_whom_they_have_blocked_but_in_a_group() -> None:
    assert "You have blocked Bob" in refused(Conversation("members", ANN, [BOB], blocks={"id-bob"}))
    assert refused(Conversation("members", ANN, [BOB, EVE], blocks={"id-bob"})) == ""


def test_people_who_are_in_a_private_room_together_write_to_each_other() -> None:
    assert refused(Conversation("shared", ANN, [BOB], in_common={"id-bob"})) == ""
    assert "Eve" in refused(Conversation("shared", ANN, [BOB, EVE], in_common={"id-bob"}))


def test_with_staff_one_side_runs_the_server() -> None:
    assert refused(Conversation("staff", ANN, [BOB])) != ""
    assert refused(Conversation("staff", person("olga", "owner"), [BOB, EVE])) == ""
    assert refused(Conversation("staff", ANN, [person("adam", "admin")])) == ""
    assert refused(Conversation("staff", ANN, [person("mod", "moderator")])) != ""


def test_notes_to_oneself_are_always_allowed_and_nothing_else_where_nobody_writes() -> None:
    assert refused(Conversation("nobody", ANN, [])) == ""
    assert refused(Conversation("nobody", ANN, [BOB])) != ""


def test_nobody_writes_to_an_account_that_was_deleted_but_a_group_goes_on_without_it() -> None:
    gone = person("gone", state="deleted")
    assert "was deleted" in refused(Conversation("members", ANN, [gone]))
    assert refused(Conversation("members", ANN, [gone, BOB])) == ""


def test_nobody_writes_to_an_account_that_is_disabled_but_a_group_goes_on_without_it() -> None:
    away, gone = person("away", state="disabled"), person("gone", state="deleted")
    assert "is disabled" in refused(Conversation("members", ANN, [away]))
    assert "is disabled" in refused(Conversation("members", ANN, [away, gone]))
    assert refused(Conversation("members", ANN, [away, BOB])) == ""
