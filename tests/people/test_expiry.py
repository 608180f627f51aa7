"""What somebody is signed in with ends by itself when its time is over, and takes with it what is open by it."""

from __future__ import annotations

from parlour.chat.identities import IDLE_MS, SESSION_MS, Credentials
from parlour.chat.tables.invitations import INVITATION_BY_ID
from parlour.core.actor import OPERATOR
from parlour.core.durations import DAY_MS
from parlour.core.errors import Refusal
from parlour.core.payloads import InvitationChanged, SignInChanged
from parlour.work.expiry import LOOK_EVERY_S, Expiry
from tests.people.house import ADDRESS, House


async def test_a_token_ends_with_its_last_day_and_its_streams_with_it(house: House) -> None:
    ada = await house.signed_in(await house.person("ada"))
    secret = await house.token(ada, "read")
    program = await house.identities.identify(Credentials("token", secret), ADDRESS)
    assert program is not None
    ended: list[Refusal] = []
    of_session: list[Refusal] = []
    house.identities.watch(program, ended.append)
    expiry = Expiry(house.store, house.identities, house.clock)
    assert await expiry.round() == LOOK_EVERY_S
    house.clock.ms += 90 * DAY_MS - 60_000
    house.identities.watch(ada, of_session.append)  # a browser that is open all the time
    while await expiry.round() == 0.0:
        pass
    assert await expiry.round() == 60.0
    assert [refusal.code for refusal in of_session] == ["login_required"]  # it is over after a month, the token not yet
    assert not ended
    house.clock.ms += 60_000
    assert await expiry.round() == 0.0
    assert [refusal.code for refusal in ended] == ["login_required"]
    assert isinstance(house.log[-1], SignInChanged)
    assert house.identities.actor(Credentials("token", secret), ADDRESS) is None


async def test_a_session_lasts_while_something_is_open_by_it_and_not_for_ever(house: House) -> None:
    ada = await house.signed_in(await house.person("ada"))
    ended: list[Refusal] = []
    house.identities.watch(ada, ended.append)
    expiry = Expiry(house.store, house.identities, house.clock)
    for _ in range(SESSION_MS // IDLE_MS):
        house.clock.ms += IDLE_MS
        while await expiry.round() == 0.0:
            pass
        assert not ended
    house.clock.ms += IDLE_MS
    while await expiry.round() == 0.0:
        pass
    assert [refusal.code for refusal in ended] == ["login_required"]


async def test_an_invitation_is_nowhere_once_its_time_is_over(house: House) -> None:
    short, long = [await house.invitations.make(OPERATOR, "member", 1, days) for days in (1, 2)]
    house.clock.ms += DAY_MS
    expiry = Expiry(house.store, house.identities, house.clock)
    while await expiry.round() == 0.0:
        pass
    assert not await house.store.query(INVITATION_BY_ID(short.invitation.id))
    assert house.log[-1] == InvitationChanged("ended", short.invitation.id, "")
    assert await house.invitations.find(long.secret) == long.invitation


async def test_a_session_that_is_used_just_when_its_time_is_over_lasts(house: House) -> None:
    account = await house.person("ada")
    session = await house.sign_ins.begin(account, "Firefox")
    browser = Credentials("session", session.secret)
    await house.identities.identify(browser, ADDRESS)
    house.clock.ms += IDLE_MS - 1
    assert house.identities.actor(browser, ADDRESS)  # what this stores waits behind the look at what has expired
    house.clock.ms += 1
    while await Expiry(house.store, house.identities, house.clock).round() == 0.0:
        pass
    assert house.identities.actor(browser, ADDRESS)
