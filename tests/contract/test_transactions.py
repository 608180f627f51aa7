"""The contract of `Store.run`: transactions, and redaction as one of their steps, over every implementation."""

from __future__ import annotations

import pytest

from parlour.chat.ports import Store
from parlour.chat.transactions import Append, Erase, Erased, FindLog, Redact, Step, Transaction, drive
from parlour.core.accounts import DELETED_NAME
from parlour.core.errors import Refusal
from parlour.core.event import Appended, Draft, Log, Stored
from parlour.core.payloads import Message, Settings
from parlour.schema.event_json import payload_of
from parlour.schema.events import Event, decode_event
from tests.contract.conftest import listen, seqs
from tests.support.stores import ALICE, BOB, append, draft, redact


async def test_a_transaction_appends_and_reads_what_came_before_it(store: Store) -> None:
    """It shares order and commit with the drafts around it."""
    heard = listen(store)

    def greet(text: str) -> Transaction[tuple[Log, Log, Appended]]:
        before: Log = yield FindLog("lobby")
        answer: Appended = yield Append(draft(text, key="key-0001"))
        after: Log = yield FindLog("lobby")
        return before, after, answer

    first = append(store, draft("before"))
    greeting = store.run(greet("hello"))
    last = append(store, draft("after"))
    before, after, answer = await greeting
    assert (before, after) == (Log(1, 1), Log(1, 2))
    assert [(await first).seq, answer.seq, (await last).seq] == [1, 2, 3]
    assert [seqs(commit.events) for commit in heard] == [[1, 2, 3]]
    assert answer == Appended(2, (await store.after("lobby", 1, 1))[0].json, False)
    _, _, again = await store.run(greet("hello"))
    assert again == Appended(answer.seq, answer.json, True)


async def test_a_transaction_that_raises_changes_nothing(store: Store) -> None:
    """What it has appended to rooms old and new is undone; the drafts beside it are stored."""
    heard = listen(store)
    await append(store, draft("first"))

    def fail(error: Exception) -> Transaction[None]:
        yield Append(draft("undone", key="key-0001"))
        yield Append(draft("undone", "new"))
        yield Append(Draft("lobby", BOB, Settings("members")))
        yield Redact("lobby", 1)
        raise error

    beside = append(store, draft("beside"))
    failing = [store.run(fail(Refusal("not_found"))), store.run(fail(ValueError("a mistake")))]
    last = append(store, draft("last", key="key-0001"))
    for future, code in zip(failing, ("not_found", "internal"), strict=True):
        with pytest.raises(Refusal) as caught:
            await future
        assert caught.value.code == code
    assert [(await beside).seq, (await last).seq] == [2, 3]
    assert [payload_of(event) for event in await store.after("lobby", 0, 9)] == [
        Message("first"), Message("beside"), Message("last"),
    ]  # fmt: skip
    assert await store.log("lobby") == Log(1, 3)
    assert await store.log("new") == Log(1, 0)
    assert [(commit.room, seqs(commit.events)) for commit in heard] == [("lobby", [1]), ("lobby", [2, 3])]


async def test_a_transaction_that_fails_costs_the_drafts_before_it_nothing(store: Store) -> None:
    await append(store, draft())

    def fail() -> Transaction[None]:
        yield Append(draft("undone"))
        raise Refusal("not_found")

    before, failing = append(store, draft("before")), store.run(fail())
    with pytest.raises(Refusal, match="not_found"):
        await failing
    assert (await before).seq == 2


async def test_a_transaction_may_go_on_after_a_refused_step(store: Store) -> None:
    await append(store, draft("once", key="key-0001"))

    def insist() -> Transaction[str]:
        try:
            yield Append(draft("twice", key="key-0001"))
        except Refusal as refusal:
            yield Append(draft("something else"))
            return refusal.code
        return "stored"

    assert await store.run(insist()) == "key_reused"
    assert await store.log("lobby") == Log(1, 2)


async def test_a_transaction_after_the_end_is_refused(store: Store) -> None:
    await store.close()
    with pytest.raises(Refusal, match="draining"):
        await store.run(redact("lobby", 1))


async def test_redaction_leaves_a_tombstone_in_the_same_place(store: Store) -> None:
    """Who said it when stays; what was said is in no answer any more, and pages around it are whole."""
    told: list[tuple[str, Stored]] = []
    store.on_redact(lambda room, event: told.append((room, event)))
    for text in ("first", "a secret", "last"):
        await append(store, draft(text))
    old = decode_event((await store.after("lobby", 1, 1))[0].json)
    tombstone = await store.run(redact("lobby", 2))
    assert (tombstone.seq, tombstone.type, tombstone.ref) == (2, "redacted", None)
    assert decode_event(tombstone.json) == Event("lobby", 2, "redacted", old.at, old.by)
    assert told == [("lobby", tombstone)]
    for events in (await store.after("lobby", 0, 9), await store.before("lobby", 9, 9)):
        assert (seqs(events), events[1]) == ([1, 2, 3], tombstone)
    assert await store.run(redact("lobby", 2)) is None, "a tombstone stays as it is"
    assert len(told) == 1
    assert await store.log("lobby") == Log(1, 3)
    assert (await append(store, draft("next"))).seq == 4


async def test_erasing_goes_through_all_logs_in_small_steps(store: Store) -> None:
    """Each event is looked at once; those of others stay as they are, to the byte."""
    told: list[tuple[str, int]] = []
    store.on_redact(lambda room, event: told.append((room, event.seq)))
    theirs, others = ALICE.id, []
    for room in ("one", "two", "three"):
        for number in range(4):
            await append(store, draft(f"{room} {number}", room=room, author=ALICE if number % 2 else BOB))
        others += [event.json for event in await store.after(room, 0, 9) if event.seq % 2]
    position, rooms, changed = 0, [], 0
    while True:
        found = await store.run(_one(Erase({theirs: "keep"}, position, 1)))
        if found.position is None:
            break
        assert found.position > position
        assert found.changed <= 1
        position, changed = found.position, changed + found.changed
        rooms += [found.room] if found.is_end else []
    assert (rooms, changed) == (["one", "two", "three"], 6)
    assert told == [(room, seq) for room in rooms for seq in (2, 4)]
    for room in rooms:
        names = [decode_event(event.json).by.name for event in await store.after(room, 0, 9)]
        assert names == ["bob", DELETED_NAME] * 2
        others = [each for each in others if each not in [event.json for event in await store.after(room, 0, 9)]]
    assert others == []
    assert (await store.run(_one(Erase({theirs: "keep"}, 0, 9)))).changed == 0, "there is nothing left to change"


def _one(step: Erase) -> Transaction[Erased]:
    found: Erased = yield step
    return found


async def test_a_retry_of_a_redacted_message_is_answered_with_the_tombstone(store: Store) -> None:
    await append(store, draft("a secret", key="key-0001"))
    tombstone = await store.run(redact("lobby", 1))
    heard = listen(store)
    for text in ("a secret", "what it said cannot be compared any more"):
        assert await append(store, draft(text, key="key-0001")) == Appended(1, tombstone.json, True)
    assert heard == []
    assert await store.log("lobby") == Log(1, 1)


async def test_what_is_not_there_cannot_be_redacted(store: Store) -> None:
    await append(store, draft())
    for room, seq in (("lobby", 2), ("lobby", 0), ("nowhere", 1)):
        with pytest.raises(Refusal, match="gone"):
            await store.run(redact(room, seq))


async def test_an_event_that_is_redacted_in_its_own_transaction_is_shown_to_nobody(store: Store) -> None:
    heard = listen(store)

    def both() -> Transaction[Stored]:
        yield Append(draft("a secret"))
        return (yield from redact("lobby", 1))

    tombstone = await store.run(both())
    assert [list(commit.events) for commit in heard] == [[tombstone]]


def test_a_transaction_is_driven_by_hand() -> None:
    """It knows no database: each step is a value, and its result is what is sent in."""
    steps: list[Step] = []

    def perform(step: Step) -> object:
        steps.append(step)
        return Stored(7, b"{}", "redacted")

    assert drive(redact("lobby", 7), perform) == Stored(7, b"{}", "redacted")
    assert steps == [Redact("lobby", 7)]
