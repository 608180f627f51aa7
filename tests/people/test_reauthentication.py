"""What is dangerous asks for the password again, sessions get new secrets, and those of admins are shorter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import apsw
import httpx
import pytest

from parlour.chat.identities import ADMIN_IDLE_MS, ADMIN_SESSION_MS, RECENT_MS, Credentials
from parlour.chat.profiles import ProfileChange
from parlour.core.accounts import Account
from parlour.core.actor import OPERATOR, Actor
from parlour.core.durations import DAY_MS
from parlour.core.errors import Refusal
from tests.people.house import ADDRESS, PASSWORD, House, nothing, refused
from tests.people.server import Town, bearer, session_of
from tests.support.server import ServerProcess

DANGEROUS: dict[str, Callable[[House, Actor, Account], Awaitable[object]]] = {
    "a role": lambda house, actor, bob: house.accounts.set_role(actor, bob, "moderator"),
    "disabling somebody": lambda house, actor, bob: house.accounts.set_active(actor, bob, is_active=False),
    "a link for a password": lambda house, actor, bob: house.invitations.reset(actor, bob),
    "a link for an admin": lambda house, actor, _: house.invitations.make(actor, "admin", 1, 1),
    "a link for an owner": lambda house, actor, _: house.invitations.for_owner(actor),
    "a setting": lambda house, actor, _: house.settings.change(actor, {"rooms": "admins"}),
    "a token for everything": lambda house, actor, _: house.token(actor, "admin"),
}


@pytest.mark.parametrize("what", DANGEROUS)
async def test_what_is_dangerous_needs_a_password_that_was_given_lately(house: House, what: str) -> None:
    alice, bob = await house.person("alice", "owner"), await house.person("bob")
    session = await house.sign_ins.begin(alice, "Firefox")
    house.clock.ms += RECENT_MS + 1
    actor = await house.identities.identify(Credentials("session", session.secret), ADDRESS)
    assert actor is not None
    await refused("reauthentication_required", DANGEROUS[what](house, actor, bob))
    await refused("bad_credentials", house.sign_ins.reauthenticate(actor, "not my password at all"))
    again = await house.sign_ins.reauthenticate(actor, PASSWORD)
    await DANGEROUS[what](house, again.actor, bob)


@pytest.mark.parametrize("what", DANGEROUS)
async def test_secrets_that_are_given_each_time_are_enough(house: House, what: str) -> None:
    alice, bob = await house.person("alice", "owner"), await house.person("bob")
    token = await house.token(await house.signed_in(alice), "admin")
    house.clock.ms += 0 if what == "a token for everything" else DAY_MS  # a token makes none that lasts longer
    for credentials in (Credentials("token", token), Credentials("password", PASSWORD, "alice")):
        actor = await house.identities.identify(credentials, ADDRESS)
        assert actor is not None
        await DANGEROUS[what](house, actor, bob)
        if what == "disabling somebody":
            await house.accounts.set_active(actor, bob, is_active=True)


async def test_what_is_not_dangerous_asks_for_nothing(house: House) -> None:
    alice = await house.person("alice", "owner")
    session = await house.sign_ins.begin(alice, "Firefox")
    house.clock.ms += RECENT_MS + 1
    actor = await house.identities.identify(Credentials("session", session.secret), ADDRESS)
    assert actor is not None
    await house.invitations.make(actor, "member", 1, 1)
    await house.token(actor, "read", "post")
    await house.accounts.change(actor, ProfileChange(display="Alice A."))
    await house.accounts.change_password(actor, PASSWORD, "a wholly new password")  # which is given with it


async def test_with_the_password_a_session_gets_a_new_secret_and_its_streams_go_on(house: House) -> None:
    alice = await house.person("alice")
    session = await house.sign_ins.begin(alice, "Firefox")
    old = Credentials("session", session.secret)
    actor = await house.identities.identify(old, ADDRESS)
    assert actor is not None
    ended: list[Refusal] = []
    house.identities.watch(actor, ended.append)
    again = await house.sign_ins.reauthenticate(actor, PASSWORD)
    assert again.secret is not None
    assert house.identities.actor(old, ADDRESS) is None
    assert await house.identities.identify(old, ADDRESS) is None, "the old one is worth nothing"
    now = await house.identities.identify(Credentials("session", again.secret), ADDRESS)
    assert now is not None
    assert (now.sign_in, now.account) == (actor.sign_in, alice)
    assert ended == []
    assert len(await house.sign_ins.of(now, alice)) == 1


async def test_an_old_secret_that_is_looked_up_meanwhile_is_not_found_afterwards(house: House) -> None:
    alice = await house.person("alice")
    session = await house.sign_ins.begin(alice, "Firefox")
    secret = session.secret
    for _ in range(20):
        old = Credentials("session", secret)
        actor = await house.identities.identify(old, ADDRESS)
        assert actor is not None
        house.identities._known.forget(old.key)
        renewed, _ = await asyncio.gather(
            house.sign_ins.reauthenticate(actor, PASSWORD),
            asyncio.gather(*(house.identities.identify(old, ADDRESS) for _ in range(8))),
        )
        assert await house.identities.identify(old, ADDRESS) is None
        assert renewed.secret is not None
        secret = renewed.secret


async def test_a_new_password_gives_the_session_that_asks_a_new_secret(house: House) -> None:
    alice = await house.person("alice")
    session = await house.sign_ins.begin(alice, "Firefox")
    actor = await house.identities.identify(Credentials("session", session.secret), ADDRESS)
    assert actor is not None
    secret = await house.accounts.change_password(actor, PASSWORD, "a wholly new password")
    assert secret is not None
    assert await house.identities.identify(Credentials("session", session.secret), ADDRESS) is None
    now = await house.identities.identify(Credentials("session", secret), ADDRESS)
    assert now is not None
    assert now.sign_in == actor.sign_in


async def test_another_role_ends_the_sessions_of_an_account_and_no_tokens(house: House) -> None:
    alice = await house.person("alice")
    browser = await house.signed_in(alice)
    token = Credentials("token", await house.token(browser, "read"))
    ended: list[Refusal] = []
    house.identities.watch(browser, ended.append)
    await house.accounts.set_role(OPERATOR, alice, "member")
    assert ended == [], "it had that already"
    await house.accounts.set_role(OPERATOR, alice, "admin")
    assert len(ended) == 1
    assert await house.identities.identify(token, ADDRESS) is not None


async def test_sessions_of_those_who_run_the_server_end_sooner(house: House) -> None:
    alice = await house.person("alice", "admin")
    idle, used = [await house.sign_ins.begin(alice, "Firefox") for _ in range(2)]
    start = house.clock.ms
    step = ADMIN_IDLE_MS // 2
    while house.clock.ms + step < start + ADMIN_SESSION_MS:
        house.clock.ms += step
        assert await house.identities.identify(Credentials("session", used.secret), ADDRESS) is not None
        await house.store.run(nothing())
    assert await house.identities.identify(Credentials("session", idle.secret), ADDRESS) is None
    house.clock.ms = start + ADMIN_SESSION_MS + 1
    assert await house.identities.identify(Credentials("session", used.secret), ADDRESS) is None


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with ServerProcess(tmp_path / "data") as running:
        town = Town(running)
        town.join("bob")
        yield town
        town.close()


def a_while_later(town: Town) -> None:
    """Have the passwords of all sessions be given long ago."""
    town.server.stop()
    connection = apsw.Connection(str(town.server.data / "parlour.db"))
    connection.execute("UPDATE sign_ins SET authenticated_ms = 0 WHERE kind = 'session'")
    connection.close()
    town.server.start()


def role_of(town: Town, name: str) -> str:
    accounts = town.operator("GET", "/api/v1/accounts")["accounts"]
    return next(str(each["role"]) for each in accounts if each["name"] == name)


def test_a_form_goes_on_once_the_password_is_given(town: Town) -> None:
    a_while_later(town)
    owner, before = town.owner, session_of(town.owner)
    form = {"do": "role", "name": "bob", "role": "moderator"}
    asked = owner.post("/admin", data=form)
    assert (asked.status_code, "Your password, please" in asked.text) == (403, True)
    assert role_of(town, "bob") == "member"
    for name, value in form.items():
        assert f'<input type="hidden" name="{name}" value="{value}">' in asked.text
    wrong = owner.post("/admin", data={**form, "confirm": "not my password at all"})
    assert (wrong.status_code, 'id="confirm-error">This is not your password.' in wrong.text) == (401, True)
    assert 'name="role" value="moderator"' in wrong.text
    assert "not my password at all" not in wrong.text
    done = owner.post("/admin", data={**form, "confirm": PASSWORD})
    assert (done.status_code, "bob is moderator now." in done.text) == (200, True)
    assert role_of(town, "bob") == "moderator"
    assert session_of(owner) != before
    assert owner.post("/admin", data={"do": "settings", "rooms": "admins"}).status_code == 200, "for 15 minutes"
    with town.server.client(cookies={"parlour_session": before}) as thief:
        assert thief.get("/api/v1/me").json() == {"kind": "guest"}


def test_the_api_says_so_with_a_code_of_its_own(town: Town) -> None:
    a_while_later(town)
    owner = town.owner
    owner.headers["Accept"] = "application/json"

    def ask() -> httpx.Response:
        return owner.patch("/api/v1/settings", json={"registration": "open"})

    refused = ask()
    assert (refused.status_code, refused.json()["code"]) == (403, "reauthentication_required")
    assert owner.post("/api/v1/session/confirm", json={"password": "not my password"}).status_code == 401
    confirmed = owner.post("/api/v1/session/confirm", json={"password": PASSWORD})
    assert (confirmed.status_code, confirmed.json()["account"]["name"]) == (200, "olga")
    assert "HttpOnly" in confirmed.headers["set-cookie"]
    assert ask().status_code == 200
    a_while_later(town)
    assert ask().status_code == 403
    with town.server.client(auth=("olga", PASSWORD)) as curl:
        assert curl.patch("/api/v1/settings", json={"registration": "closed"}).status_code == 200
        answer = curl.post("/api/v1/session/confirm", json={"password": PASSWORD})
        assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
        token = curl.post("/api/v1/tokens", json={"label": "cron", "scopes": ["admin"]}).json()["secret"]
    with town.server.client(headers=bearer(token)) as program:
        assert program.patch("/api/v1/settings", json={"registration": "open"}).status_code == 200


def test_guessing_the_password_of_an_open_browser_is_slowed_down(town: Town) -> None:
    for _ in range(5):
        assert town.owner.post("/api/v1/session/confirm", json={"password": "guessed wrongly"}).status_code == 401
    assert town.owner.post("/api/v1/session/confirm", json={"password": PASSWORD}).status_code == 429


def test_a_new_password_comes_with_a_new_cookie(town: Town) -> None:
    new, secrets = "a wholly new password", [session_of(town.owner)]
    answer = town.owner.post("/account", data={"do": "password", "old": PASSWORD, "password": new})
    secrets.append(session_of(town.owner))
    assert answer.status_code == 200
    answer = town.owner.patch("/api/v1/me", json={"old_password": new, "password": PASSWORD})
    secrets.append(session_of(town.owner))
    assert answer.status_code == 200
    assert len(set(secrets)) == 3
    assert town.owner.get("/api/v1/me").json()["kind"] == "member"
