"""Idempotency keys that are stored already, and the answer to those who send them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from asyncpg import Connection

from parlour.core.errors import Refusal
from parlour.core.event import Answer, Draft, Stored
from parlour.store.checksums import checksum
from parlour.store.postgres import statements as sql
from parlour.store.room_end import RoomEnd
from parlour.store.rules import repeated

StoredKeys: TypeAlias = dict[tuple[str, str, str], Stored | Refusal]
"""Room, author and key to the event that is stored under it, or why it cannot be shown."""


async def stored_keys(connection: Connection[Any], rooms: Mapping[str, RoomEnd], drafts: Sequence[Draft]) -> StoredKeys:
    """The events that are stored under the keys of drafts, in rooms that exist. Raises asyncpg.PostgresError."""
    keyed: dict[tuple[int, str, str], str] = {}
    for draft in drafts:
        room = rooms.get(draft.room)
        if draft.key is not None and room is not None:
            keyed[room.number, draft.author.id, draft.key] = draft.room
    if not keyed:
        return {}
    found: StoredKeys = {}
    columns = map(list, zip(*keyed, strict=True))
    for event_id, author, key, crc, body, name, ref in await connection.fetch(sql.FIND_KEYS, *columns):
        room_name = keyed[event_id >> sql.SEQ_BITS, author, key]
        seq = event_id & sql.SEQ_MASK
        is_whole = crc == checksum(rooms[room_name].crc, seq, body)
        what = f"Event {seq} of room {room_name} is damaged."
        found[room_name, author, key] = (
            Stored(seq, body, name, ref) if is_whole else Refusal("storage_unavailable", what)
        )
    return found


def key_of(draft: Draft) -> tuple[str, str, str] | None:
    """The key of a draft with its room and author; None if it has none."""
    return None if draft.key is None else (draft.room, draft.author.id, draft.key)


def answer_of(draft: Draft, stored: StoredKeys) -> Answer | None:
    """The answer to a draft whose key is stored; None for any other."""
    key = key_of(draft)
    found = None if key is None else stored.get(key)
    return repeated(draft, found) if isinstance(found, Stored) else found
