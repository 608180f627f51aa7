"""What keeps order in a room: locking it, slow mode, and rules on words and links."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from parlour import start_server_async
from parlour.chat.room_steps import change as change_room
from parlour.chat.slow_mode import post_slowly
from parlour.core.actor import OPERATOR, guest
from parlour.core.errors import Refusal
from parlour.core.event import Draft
from parlour.core.payloads import Message, Settings
from parlour.core.policy import Policy
from parlour.core.text_rules import check_words, refused_text
from tests.people.house import House, refused
from tests.people.server import Town, bearer, join
from tests.people.test_restrictions import guest as guest_of
from tests.people.test_restrictions import say_as
from tests.people.test_rooms import add, code, make, say
from tests.support.stores import ALICE, BOB
from tests.support.timeout import TIMEOUT_S

OPTIONS = ("--rate-limits", "off", "--trusted-proxies", "127.0.0.1")
"""Of the server: requests say where they come from."""


def change(browser: httpx.Client, room: str, **settings: object) -> httpx.Response:
    return browser.patch(f"/api/v1/rooms/{room}", json=settings)


def test_slow_mode_holds_an_author_under_any_name_and_no_moderator(
    town: Town, ada: httpx.Client, bob: httpx.Client
) -> None:
    room = make(ada, room="slow", slow_s=600)
    assert say(bob, room, "one").status_code == 201
    refused = say(bob, room, "two")
    assert code(refused) == (429, "slow_mode")
    assert 590 <= int(refused.headers["Retry-After"]) <= 600
    assert "one message in 600 seconds" in refused.json()["detail"]
    assert [say(ada, room, text).status_code for text in ("three", "four")] == [201, 201]
    assert bob.post("/api/v1/bots", json={"name": "bobs-bot"}).status_code == 201
    made = bob.post("/api/v1/tokens", json={"label": "cron", "scopes": ["post"], "account": "bobs-bot"}).json()
    with town.server.client(headers=bearer(made["secret"])) as bot:
        assert bot.post(f"/{room}", content="and my bot").status_code == 429
    someone = guest_of(town)
    assert say_as(someone, room, "five", "Ann").status_code == 201
    assert code(say_as(someone, room, "six", "Ben")) == (429, "slow_mode")
    assert bob.post(f"/{room}", content="seven", headers={"Accept": "text/plain"}).text.startswith("error: Slow mode")
    assert change(ada, room, slow_s=0).json().get("slow_s", 0) == 0
    assert say(bob, room, "eight").status_code == 201


def test_a_repeat_in_slow_mode_is_answered_with_what_was_stored(ada: httpx.Client, bob: httpx.Client) -> None:
    room = make(ada, room="slow-repeat", slow_s=600)
    put = [bob.put(f"/api/v1/rooms/{room}/messages/key-12345678", json={"text": "once"}) for _ in range(2)]
    assert [answer.json()["seq"] for answer in put] == [3, 3]
    assert code(bob.put(f"/api/v1/rooms/{room}/messages/key-87654321", json={"text": "more"})) == (429, "slow_mode")


async def test_slow_mode_is_exact_in_one_batch_and_ends_with_the_time(house: House) -> None:
    """On every store, several nodes have nothing but these transactions in common."""
    policy = Settings(slow_s=30)
    answers: list[object] = []
    house.store.append(Draft("slow", ALICE, policy), answers.append)

    def sent(text: str, who: str = "who") -> asyncio.Future[object]:
        draft = Draft("slow", BOB, Message(text))
        return asyncio.ensure_future(house.store.run(post_slowly(draft, who, 0, house.clock.now_ms())))

    results = await asyncio.gather(*map(sent, "abc"), sent("d", "else"), return_exceptions=True)
    assert [isinstance(each, Refusal) for each in results] == [False, True, True, False]
    house.clock.ms += 29_900
    assert isinstance((await asyncio.gather(sent("e"), return_exceptions=True))[0], Refusal)
    house.clock.ms += 200
    await sent("f")
    assert (await house.store.log("slow")).head_seq == 4


async def test_no_message_slips_past_slow_mode_while_it_is_switched_on(tmp_path: Path) -> None:
    async with asyncio.timeout(TIMEOUT_S), await start_server_async(0, data=tmp_path, rate_limits=False) as server:
        context = server.app.context
        switching = asyncio.ensure_future(context.rooms.change(OPERATOR, "lobby", Settings(slow_s=10)))
        await asyncio.sleep(0)  # it is in the queue of the store
        late = context.posting.posted(guest(None, "192.0.2.1"), "lobby", "hello", name="Ann")
        await switching
        with pytest.raises(Refusal, match="slow_mode"):
            await late


def test_a_moderator_locks_a_room_and_unlocks_it(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    room = make(ada, room="bell")
    mod = join(town, "moira")
    add(ada, room, "moira", "moderator")
    locked = mod.post(f"/rooms/{room}", data={"do": "lock"}, headers={"Accept": "*/*"})
    assert (locked.status_code, locked.text) == (200, "The room is locked: only moderators write in it.\n")
    assert code(say(bob, room, "one more")) == (403, "read_only")
    assert change(mod, room, read_only=False).status_code == 200
    assert say(bob, room, "hello").status_code == 201
    assert code(change(mod, room, read_only=True, title="Mine")) == (403, "forbidden")
    assert code(change(mod, room, words=["bad"])) == (403, "forbidden")
    assert code(change(bob, room, slow_s=5)) == (403, "forbidden")


def test_words_and_links_are_refused_to_all_but_moderators(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    room = make(ada, room="clean", words=["Bad"], links="members")
    assert code(say(bob, room, "a B\u0430d day")) == (403, "refused_text")
    assert say(bob, room, "badly done, see https://example.org").status_code == 201
    assert code(say_as(guest_of(town), room, "see www.example.org", "Ann")) == (403, "refused_text")
    assert say(ada, room, "bad").status_code == 201
    assert change(ada, room, links="nobody", words=[]).json()["links"] == "nobody"
    assert code(say(bob, room, "HTTPS://example.org")) == (403, "refused_text")
    assert say(bob, room, "bad").status_code == 201
    assert code(change(ada, room, words=["two words"])) == (400, "bad_parameter")
    assert code(change(ada, room, slow_s=-1)) == (400, "bad_parameter")


def test_the_page_of_a_room_sets_its_rules(ada: httpx.Client) -> None:
    room = make(ada, room="by-form")
    form = {"do": "rules", "slow_s": "30", "links": "members", "words": "foo\nbar"}
    assert ada.post(f"/rooms/{room}", data=form, headers={"Accept": "*/*"}).text == "Saved.\n"
    info = ada.get(f"/api/v1/rooms/{room}").json()
    assert (info["slow_s"], info["links"], info["words"]) == (30, "members", ["foo", "bar"])
    page = ada.get(f"/rooms/{room}", headers={"Accept": "text/html"}).text
    assert '<option value="30" selected>' in page
    assert ">foo\nbar</textarea>" in page


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [
        ("what a fool", True), ("FOOL!", True), ("ＦＯＯＬ", True), ("f\u043e\u043el", True), ("f0ol", True),
        ("fooI", True), ("foolish", False), ("fo ol", False), ("fo-ol", False), ("", False),
    ],
)  # fmt: skip
def test_a_word_is_compared_whole_and_by_what_it_looks_like(text: str, is_refused: bool) -> None:
    assert (refused_text(text, check_words(["Fool"]), "all", is_guest=True) is not None) is is_refused


async def test_words_are_refused_from_the_moment_in_which_the_rule_is_stored(house: House) -> None:
    """Also what another node has let through, which has not heard of it."""
    bob = await house.signed_in(await house.person("bob"))
    posting = house.posting()
    await posting.posted(bob, "lobby", "a bad day")
    await house.store.run(change_room(ALICE, "lobby", Policy(0, "open"), Settings(words=("bad",))))
    assert house.policies.of("lobby").words == ()
    await refused("refused_text", posting.posted(bob, "lobby", "another bad day"))
    await posting.posted(bob, "lobby", "a good one")
