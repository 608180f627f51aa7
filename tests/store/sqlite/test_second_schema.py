"""Data directories of the second schema, made before events had types, are taken up in place.

`tests/fixtures/second_schema` has two of the same content: one was closed, the server of the other was killed.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parlour.core.event import Draft, Log
from parlour.core.payloads import Settings
from parlour.schema.events import decode_event
from parlour.store.sqlite.check import check
from tests.support.records import as_image
from tests.support.stores import ALICE, BOB, CountedIds, append, draft, open_sqlite

FIXTURE = Path(__file__).parents[2] / "fixtures" / "second_schema"
EXPECTED = json.loads((FIXTURE / "expected.json").read_text())


@pytest.mark.parametrize("end", ["ended", "killed"])
async def test_it_is_taken_up_in_place(tmp_path: Path, end: str) -> None:
    """Cursors stay valid, every event is what it was to the byte, retries find theirs, and the log goes on."""
    directory = as_image(FIXTURE / end, tmp_path / "data")
    store = await open_sqlite(directory, ids=CountedIds(100))
    assert (store.epoch, store.secret.hex()) == (EXPECTED["epoch"], EXPECTED["secret"])
    stored = {(room, seq): text.encode() for room, seq, text in EXPECTED["events"]}
    for room in ("lobby", "größe", "long"):
        events = await store.after(room, 0, 100)
        assert {(room, event.seq): event.json for event in events} == {k: v for k, v in stored.items() if k[0] == room}
        assert {(event.type, event.ref) for event in events} == {("message", None)}
        assert await store.log(room) == Log(1, len(events))
    for json_text in stored.values():
        event = decode_event(json_text)
        if event.key is not None:
            author = ALICE if event.by.id == ALICE.id else BOB
            answer = await append(store, draft(event.text or "", event.room, event.key, author))
            assert (answer.seq, answer.json, answer.replay) == (event.seq, json_text, True)
    assert (await append(store, draft("new"))).seq == 5
    assert (await append(store, Draft("lobby", BOB, Settings("members"), ref=5))).seq == 6
    await store.close()
    assert check(directory).is_ok
