"""Drops the beginnings of logs."""

from __future__ import annotations

from typing import Any, cast

from asyncpg import Connection

from parlour.chat.transactions import DropExpired
from parlour.store.postgres import statements as sql
from parlour.store.room_end import RoomEnd
from parlour.store.rules import expired


async def drop_to(connection: Connection[Any], room: RoomEnd, first_seq: int) -> None:
    """Have a log begin at `first_seq`, which is in it."""
    await connection.execute(sql.DROP_EVENTS, room.base | room.first_seq, room.base | (first_seq - 1))
    await connection.execute(sql.RAISE_FIRST, first_seq, room.number)
    room.first_seq = first_seq


async def drop_expired(connection: Connection[Any], room: RoomEnd, step: DropExpired) -> bool:
    """Drop what has expired of a log, and note when the next event does; whether there was any."""
    first, head = room.base | room.first_seq, room.base | room.head
    times = await connection.fetch(sql.TIMES, first, head, step.limit)
    last, due_ms = expired(cast("list[tuple[int, int]]", times), step.before_ms, step.now_ms)
    if last is not None:
        await drop_to(connection, room, last + 1)
    if room.first_seq >= room.head:
        await connection.execute(sql.FORGET_OLDEST, room.number)
    else:
        await connection.execute(sql.SET_OLDEST, due_ms, room.number)
    return last is not None
