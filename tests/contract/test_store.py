"""The contract of the Store port (parlour/chat/ports.py), over every implementation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from msgspec.structs import replace

from parlour.chat.ports import Commit, Store
from parlour.core.errors import Refusal
from parlour.core.event import Appended, Author, Draft, Log, Stored
from parlour.core.payloads import Message, Settings
from parlour.core.policy import Policy
from parlour.schema.event_json import at_text, payload_of
from parlour.schema.events import Event, decode_event
from tests.contract.conftest import listen, seqs
from tests.support.stores import BOB, HandClock, append, draft
from tests.support.timeout import TIMEOUT_S

TEXTS = [
    "Grüße aus Köln",
    "日本語の文章",
    "👩‍👩‍👧‍👦 🏳️‍🌈",
    "שלום עולם",
    "a\nb\r\n\tc",
    "\u2028\u2029\ufeff\x85",
    "\"\\/'",
    "\x01\x1b[31m\x7f",
    "x" * 65536,
]


async def refused(store: Store, *args: str | None) -> str:
    with pytest.raises(Refusal) as caught:
        await append(store, draft(*args))  # type: ignore[arg-type]  # text, room, key
    return caught.value.code


async def test_an_event_is_the_draft_with_its_place_and_time(store: Store, clock: HandClock) -> None:
    """docs/protocol.md#event."""
    clock.ms = 1_795_329_683_007
    answer = await append(store, draft("Hello", "lobby", "key-0001"))
    assert answer == Appended(1, answer.json, False)
    assert decode_event(answer.json) == Event(
        "lobby", 1, "message", "2026-11-22T06:41:23.007Z", Author("u_alice", "alice", "member"), "Hello", "key-0001"
    )
    assert list(msgspec.json.decode(answer.json)) == ["room", "seq", "type", "at", "by", "text", "key"]
    assert await store.after("lobby", 0, 10) == [Stored(1, answer.json, "message")]


async def test_a_room_without_events_is_an_empty_log(store: Store) -> None:
    assert await store.log("nowhere") == Log(1, 0)
    assert await store.after("nowhere", 0, 10) == []
    assert await store.before("nowhere", 10, 10) == []
    assert await store.rooms(10) == []


async def test_seqs_are_dense_per_room_and_keep_the_order_of_appends(store: Store) -> None:
    """D4, D5: appends of one loop iteration keep their order; rooms are numbered on their own."""
    futures = [append(store, draft(f"text {i}", f"room{i % 3}")) for i in range(600)]
    answers = await asyncio.gather(*futures)
    assert [answer.seq for answer in answers] == [i // 3 + 1 for i in range(600)]
    for room in range(3):
        events = await store.after(f"room{room}", 0, 1000)
        assert seqs(events) == list(range(1, 201))
        assert [decode_event(event.json).text for event in events] == [f"text {i}" for i in range(room, 600, 3)]
        assert await store.log(f"room{room}") == Log(1, 200)


async def test_a_listener_hears_every_event_once_in_order_before_its_sender(store: Store) -> None:
    """D6: nothing is shown before it is durable; the sender's answer comes last."""
    answered: list[tuple[str, int]] = []
    heard: list[tuple[str, int]] = []

    def hear(commits: Sequence[Commit]) -> None:
        for commit in commits:
            assert commit.events
            heard.extend((commit.room, event.seq) for event in commit.events)
        assert not set(answered) & set(heard[-sum(len(commit.events) for commit in commits) :])

    store.on_commit(hear)

    async def send(i: int) -> None:
        room = f"room{i % 4}"
        for _ in range(5):
            answer = await append(store, draft(f"{i}", room))
            assert (room, answer.seq) in heard
            answered.append((room, answer.seq))

    await asyncio.gather(*(send(i) for i in range(40)))
    for room in range(4):
        assert [seq for name, seq in heard if name == f"room{room}"] == list(range(1, 51))
    assert sorted(heard) == sorted(answered)


async def test_every_listener_is_called(store: Store) -> None:
    first, second = listen(store), listen(store)
    await append(store, draft())
    assert first == second
    assert [commit.room for commit in first] == ["lobby"]


async def test_a_listener_may_append(store: Store) -> None:
    heard: list[Commit] = []
    further: list[asyncio.Future[Appended]] = []

    def hear(commits: Sequence[Commit]) -> None:
        heard.extend(commits)
        if len(heard) < 3:
            further.append(append(store, draft(f"echo {len(heard)}")))

    store.on_commit(hear)
    await append(store, draft("first"))
    assert (await further[0]).seq == 2
    assert (await further[1]).seq == 3
    assert [seqs(commit.events) for commit in heard] == [[1], [2], [3]]


async def test_a_store_that_is_paused_begins_no_transaction(store: Store) -> None:
    heard = listen(store)
    store.on_commit(lambda _commits: store.pause(True))
    await append(store, draft("the first"))
    second, third = append(store, draft("the second")), append(store, draft("the third"))
    done, _ = await asyncio.wait({second}, timeout=0.05)
    assert not done
    store.pause(False)
    assert [(await second).seq, (await third).seq] == [2, 3]
    assert [seqs(commit.events) for commit in heard] == [[1], [2, 3]]


async def test_closing_a_store_that_is_paused_finishes_what_is_queued(store: Store) -> None:
    store.on_commit(lambda _commits: store.pause(True))
    await append(store, draft("the first"))
    second = append(store, draft("the second"))
    async with asyncio.timeout(TIMEOUT_S):
        await store.close()
    assert (await second).seq == 2


async def test_a_repeat_is_answered_from_the_log_and_stores_nothing(store: Store) -> None:
    """D3."""
    first = await append(store, draft("once", key="key-0001"))
    await append(store, draft("other"))
    heard = listen(store)
    assert await append(store, draft("once", key="key-0001")) == Appended(first.seq, first.json, True)
    assert heard == []
    assert await store.log("lobby") == Log(1, 2)


async def test_other_content_under_a_key_is_refused(store: Store) -> None:
    await append(store, draft("once", key="key-0001"))
    assert await refused(store, "twice", "lobby", "key-0001") == "key_reused"
    assert await store.log("lobby") == Log(1, 1)


async def test_a_key_counts_per_room_and_author(store: Store) -> None:
    answers = await asyncio.gather(
        append(store, draft("a", "one", "key-0001")),
        append(store, draft("b", "two", "key-0001")),
        append(store, draft("c", "one", "key-0001", BOB)),
        append(store, draft("d", "one", "key-0002")),
        append(store, draft("d", "one")),
        append(store, draft("d", "one")),
    )
    assert [(answer.seq, answer.replay) for answer in answers] == [
        (1, False), (1, False), (2, False), (3, False), (4, False), (5, False),
    ]  # fmt: skip


@pytest.mark.parametrize("repeated_before", [False, True])
async def test_of_concurrent_repeats_one_is_stored_and_all_get_it(store: Store, repeated_before: bool) -> None:
    """D3: repeats among other drafts, with a wrong one in between; neighbours are numbered without a hole."""
    if repeated_before:
        await append(store, draft("same", key="key-0001"))
    heard = listen(store)
    futures = [append(store, draft(f"before {i}", key=f"before-{i:03}")) for i in range(5)]
    same = [append(store, draft("same", key="key-0001")) for _ in range(10)]
    wrong = append(store, draft("different", key="key-0001"))
    futures += [append(store, draft(f"after {i}")) for i in range(5)]
    answers = await asyncio.gather(*same)
    assert len({(answer.seq, answer.json) for answer in answers}) == 1
    assert [answer.replay for answer in answers] == [repeated_before] + [True] * 9
    with pytest.raises(Refusal, match="key_reused"):
        await wrong
    others = [answer.seq for answer in await asyncio.gather(*futures)]
    assert sorted([*others, answers[0].seq]) == list(range(1, 12))
    assert others == sorted(others)
    assert sum(len(commit.events) for commit in heard) == (10 if repeated_before else 11)


async def test_cancelling_does_not_take_a_draft_back(store: Store) -> None:
    heard = listen(store)
    cancelled = append(store, draft("first", key="key-0001"))
    kept = append(store, draft("second"))
    cancelled.cancel()
    assert (await kept).seq == 2
    assert [seqs(commit.events) for commit in heard] == [[1, 2]]
    assert (await append(store, draft("first", key="key-0001"))).replay


async def test_after_gives_the_oldest_within_limit_and_bytes(store: Store) -> None:
    answers = await asyncio.gather(*(append(store, draft("x" * 100)) for _ in range(20)))
    size = len(answers[9].json)  # of the events with two digits
    assert seqs(await store.after("lobby", 0, 5)) == [1, 2, 3, 4, 5]
    assert seqs(await store.after("lobby", -1, 2)) == [1, 2]
    assert seqs(await store.after("lobby", 17, 5)) == [18, 19, 20]
    assert await store.after("lobby", 20, 5) == []
    assert await store.after("lobby", 2**36 - 1, 5) == []
    assert seqs(await store.after("lobby", 9, 10, max_bytes=3 * size)) == [10, 11, 12]
    assert seqs(await store.after("lobby", 9, 10, max_bytes=3 * size - 1)) == [10, 11]
    assert seqs(await store.after("lobby", 9, 10, max_bytes=1)) == [10]


async def test_before_gives_the_newest_within_limit_and_bytes_oldest_first(store: Store) -> None:
    answers = await asyncio.gather(*(append(store, draft("x" * 100)) for _ in range(20)))
    size = len(answers[9].json)
    assert seqs(await store.before("lobby", 21, 3)) == [18, 19, 20]
    assert seqs(await store.before("lobby", 2**36 - 1, 3)) == [18, 19, 20]
    assert seqs(await store.before("lobby", 3, 5)) == [1, 2]
    assert await store.before("lobby", 1, 5) == []
    assert await store.before("lobby", 0, 5) == []
    assert seqs(await store.before("lobby", 20, 10, max_bytes=3 * size)) == [17, 18, 19]
    assert seqs(await store.before("lobby", 20, 10, max_bytes=3 * size - 1)) == [18, 19]
    assert seqs(await store.before("lobby", 20, 10, max_bytes=1)) == [19]


async def test_pages_of_one_room_hold_nothing_of_its_neighbours(store: Store) -> None:
    for room in ("first", "second", "third"):
        await asyncio.gather(*(append(store, draft(room, room)) for _ in range(3)))
    for events in (await store.after("second", 0, 100), await store.before("second", 100, 100)):
        assert [decode_event(event.json).text for event in events] == ["second"] * 3


async def test_a_page_asked_for_after_an_answer_has_the_event(store: Store) -> None:
    """D6, read-your-writes: reads that were under way before do not lend their older result."""
    for seq in range(1, 30):
        early = [asyncio.ensure_future(store.after("lobby", 0, 1000)) for _ in range(3)]
        await append(store, draft())
        pages = await asyncio.gather(*(store.after("lobby", 0, 1000) for _ in range(3)), store.before("lobby", 1000, 9))
        assert [page[-1].seq for page in pages] == [seq] * 4
        assert {len(page) for page in await asyncio.gather(*early)} <= {seq - 1, seq}
        assert (await store.log("lobby")).head_seq == seq


async def test_a_reader_that_goes_away_leaves_the_others_their_page(store: Store) -> None:
    await append(store, draft())
    tasks = [asyncio.ensure_future(store.after("lobby", 0, 10)) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [seqs(page) for page in results[1:] if isinstance(page, list)] == [[1], [1]]


@pytest.mark.parametrize("text", TEXTS)
async def test_text_comes_back_as_it_was(store: Store, text: str) -> None:
    answer = await append(store, draft(text, "größe"))
    assert b"\n" not in answer.json
    (event,) = await store.after("größe", 0, 10)
    assert event.json == answer.json
    assert decode_event(event.json).text == text


async def test_time_stands_still_while_the_clock_is_a_little_behind(store: Store, clock: HandClock) -> None:
    """D17."""
    start = clock.ms
    times = []
    for step in (0, 5000, -3_500_000, 5001):
        clock.ms = start + step
        times.append(decode_event((await append(store, draft())).json).at)
    fresh = await append(store, draft(room="other"))
    clock.ms = start - 10
    together = await asyncio.gather(append(store, draft(room="new")), append(store, draft()))
    assert times == sorted(times)
    assert times[1] == times[2] != times[3]
    assert decode_event(together[0].json).at < decode_event(fresh.json).at
    assert decode_event(together[1].json).at == times[3]


async def test_a_clock_that_was_far_ahead_does_not_leave_its_time_to_the_room(store: Store, clock: HandClock) -> None:
    right = clock.ms
    clock.ms = right + 400 * 86_400_000
    await append(store, draft("said by a wrong clock"))
    clock.ms = right
    answers = await asyncio.gather(append(store, draft()), append(store, draft(room="other")), append(store, draft()))
    assert [decode_event(answer.json).at for answer in answers] == [at_text(right)] * 3
    clock.ms = 1_000  # a machine without a battery, before it hears the time
    assert decode_event((await append(store, draft())).json).at == at_text(right)


async def test_rooms_come_most_recently_active_first(store: Store, clock: HandClock) -> None:
    for room in ("one", "two", "three", "one"):
        clock.ms += 1000
        await append(store, draft(room=room))
    found = await store.rooms(10)
    assert [(summary.room, summary.log) for summary in found] == [
        ("one", Log(1, 2)), ("three", Log(1, 1)), ("two", Log(1, 1)),
    ]  # fmt: skip
    assert found[0].active_at == decode_event((await store.after("one", 1, 1))[0].json).at
    assert await store.rooms(2) == found[:2]


async def test_epoch_and_secret_have_their_form(store: Store) -> None:
    assert store.epoch.isalnum()
    assert store.epoch == store.epoch.lower()
    assert 1 <= len(store.epoch) <= 16
    assert len(store.secret) == 32


async def test_closing_finishes_what_is_queued_and_refuses_the_rest(store: Store) -> None:
    assert store.is_ready()
    heard = listen(store)
    futures = [append(store, draft(f"{i}")) for i in range(1000)]
    closing = asyncio.ensure_future(store.close())
    await asyncio.sleep(0)
    assert not store.is_ready()
    assert await refused(store) == "draining"
    assert [answer.seq for answer in await asyncio.gather(*futures)] == list(range(1, 1001))
    await closing
    await store.close()
    assert [seq for commit in heard for seq in seqs(commit.events)] == list(range(1, 1001))
    assert await refused(store) == "draining"


async def test_a_draft_that_may_not_make_its_room_is_answered_with_its_refusal(store: Store) -> None:
    def bound(key: str | None = None) -> Draft:
        return replace(draft("hello", "made", key), if_first=Refusal("rate_limited", retry_after=3))

    with pytest.raises(Refusal) as caught:
        await append(store, bound())
    assert caught.value.code == "rate_limited"
    assert await store.log("made") == Log(1, 0)
    assert await store.rooms(10) == []
    first = await append(store, draft("hello", "made", "key-00001"))
    assert (await append(store, bound())).seq == first.seq + 1
    assert (await append(store, bound("key-00001"))).replay


async def test_an_event_carries_its_type_and_the_event_it_is_about(store: Store) -> None:
    """In what a listener hears and in pages, beside the JSON that says the same."""
    heard = listen(store)
    await append(store, draft("hello"))
    await append(store, Draft("lobby", BOB, Settings("members"), "key-0001", ref=1))
    events = await store.after("lobby", 0, 10)
    assert [(event.type, event.ref, payload_of(event)) for event in events] == [
        ("message", None, Message("hello")), ("settings", 1, Settings("members")),
    ]  # fmt: skip
    assert [event for commit in heard for event in commit.events] == events == await store.before("lobby", 9, 9)
    assert list(msgspec.json.decode(events[1].json)) == ["room", "seq", "type", "at", "by", "ref", "access", "key"]


@pytest.mark.parametrize("changed", [{"ref": 2}, {"payload": Settings("open")}, {"payload": Message("members")}])
async def test_another_payload_or_ref_under_a_key_is_refused(store: Store, changed: dict[str, object]) -> None:
    first = Draft("lobby", BOB, Settings("members"), "key-0001", ref=1)
    await append(store, first)
    with pytest.raises(Refusal, match="key_reused"):
        await append(store, replace(first, **changed))
    assert (await append(store, replace(first))).replay


async def test_a_draft_is_judged_again_by_a_policy_that_is_newer_than_its_judgement(store: Store) -> None:
    """In its place in the log; a draft for which nobody had to be permitted is stored all the same."""

    def judge(policy: Policy) -> Refusal | None:
        return Refusal("login_required", str(policy.seq)) if policy.access == "members" else None

    def judged(text: str, at: int, room: str = "lobby", key: str | None = None) -> Draft:
        return replace(draft(text, room, key), judged_at=at, judge=judge)

    assert (await append(store, judged("hello", 0, key="key-0001"))).seq == 1
    answers = await asyncio.gather(
        append(store, judged("before", 0)),
        append(store, Draft("lobby", BOB, Settings("members"))),
        append(store, judged("after", 0)),
        append(store, judged("hello", 0, key="key-0001")),
        append(store, draft("by the server itself")),
        append(store, judged("by a member", 3)),
        append(store, judged("elsewhere", 0, "dev")),
        append(store, Draft("lobby", BOB, Settings("open"))),
        append(store, judged("after it is open again", 0)),
        append(store, judged("hello", 0, key="key-0001")),
        return_exceptions=True,
    )
    found = [answer.detail if isinstance(answer, Refusal) else answer.seq for answer in answers]  # type: ignore[union-attr]
    assert found == [2, 3, "3", "3", 4, 5, 1, 6, 7, 1]
    assert await store.log("lobby") == Log(1, 7, Policy(6, "open"))
    assert await store.log("dev") == Log(1, 1)
    await append(store, Draft("lobby", BOB, Settings("members")))
    with pytest.raises(Refusal, match="login_required: 8"):
        await append(store, judged("late", 7))
    assert (await store.log("lobby")).policy == Policy(8, "members")
