"""What somebody is signed in with ends by itself when its time is over, and takes with it what is open by it."""

from __future__ import annotations

from parlour.chat.identities import DAY_MS, IDLE_MS, SESSION_MS, Credentials
from parlour.core.errors import Refusal
from parlour.core.payloads import SignInChanged
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
