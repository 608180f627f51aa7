"""Counts what accounts have yet to read, by two small indexes, as the embedded engine does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncpg import Connection

from parlour.chat.ports import Unread
from parlour.schema.event_json import at_text

_OWN = "author = account AND author >= 'u_' AND author < 'u`'"
"""Of the index `events_of_accounts`, whose condition it repeats."""

UNREAD = f"""
WITH
  wanted AS MATERIALIZED (
    SELECT place, pair.account, name, room_no, first_seq, history, access, room_no::bigint << 36 AS base,
      head, at_ms
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS pair (account, room, place)
    JOIN rooms ON name = pair.room COLLATE "C"),
  marked AS MATERIALIZED (
    SELECT wanted.*, since, level, favourite, coalesce(read_seq, since, 0) AS marked,
      coalesce(since, CASE WHEN my_rooms.account IS NOT NULL AND access IN ('open', 'members') THEN 0 END)
        AS called_after,
      base + coalesce(own_after, since, 0) AS own_after
    FROM wanted LEFT JOIN my_rooms ON my_rooms.account = wanted.account AND my_rooms.room = wanted.name
      LEFT JOIN members ON members.room_no = wanted.room_no AND members.account = wanted.account),
  placed AS MATERIALIZED (
    SELECT marked.*, base + head AS newest, greatest(base + marked, base + first_seq - 1,
      base + CASE history WHEN 'joined' THEN coalesce(since, 0) ELSE 0 END,
      (SELECT id FROM events WHERE {_OWN} AND id > own_after AND id <= base + head
        AND type IN ('message', 'redacted') ORDER BY id DESC LIMIT 1)) AS position
    FROM marked WHERE head > 0)
SELECT account, name, first_seq, head, at_ms, position - base,
  newest - position
    - (SELECT count(*) FROM events WHERE type <> 'message' AND id > position AND id <= newest)
    - (SELECT count(*) FROM events WHERE {_OWN} AND id > position AND id <= own_after AND type = 'message'),
  CASE level WHEN 'nothing' THEN 0 ELSE
    (SELECT count(*) FROM mentions JOIN events ON id = base + seq AND type = 'message'
      WHERE mentions.account = placed.account AND room = name AND seq > position - base)
    + CASE WHEN called_after IS NULL THEN 0 ELSE (
      SELECT count(*) FROM room_mentions AS every JOIN events ON id = base + seq AND type = 'message'
      WHERE room = name AND seq > greatest(position - base, called_after) AND every.author <> placed.account
        AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocker = placed.account AND blocked = every.author) AND NOT EXISTS (
        SELECT 1 FROM mentions AS own WHERE own.account = placed.account AND own.room = name AND own.seq = every.seq))
    END END,
  level, coalesce(favourite, 0)
FROM placed ORDER BY place
"""  # noqa: S608 (no value inside)
"""Of accounts and their rooms; the position is as `store/sqlite/unread.py` says."""


async def unread(connection: Connection[Any], pairs: Sequence[tuple[str, str]]) -> list[Unread]:
    """See `Store.unread`."""
    accounts, rooms = zip(*pairs, strict=True)
    rows = await connection.fetch(UNREAD, accounts, rooms)
    return [
        Unread(account, room, first, head, at_text(at_ms), position, count, mentions, level, bool(favourite))
        for account, room, first, head, at_ms, position, count, mentions, level, favourite in rows
    ]
