"""Counts what accounts have yet to read, by two small indexes: the messages themselves are not looked at."""

from __future__ import annotations

import apsw
import msgspec

from parlour.chat.ports import Unread
from parlour.core.payloads import Level
from parlour.schema.event_json import at_text

_OWN = "author = account AND author >= 'u_' AND author < 'u`'"
"""Of the index `events_of_accounts`, whose condition it repeats."""

UNREAD = f"""
WITH
  wanted AS MATERIALIZED (
    SELECT pair.key AS place, pair.value ->> 0 AS account, name, room_no, first_seq, history, access,
      room_no << 36 AS base,
      (SELECT max(id) FROM events WHERE id BETWEEN room_no << 36 AND ((room_no + 1) << 36) - 1) AS newest
    FROM json_each(?1) AS pair JOIN rooms ON name = pair.value ->> 1),
  marked AS MATERIALIZED (
    SELECT wanted.*, since, level, favourite, coalesce(read_seq, since, 0) AS marked,
      coalesce(since, iif(my_rooms.account NOTNULL AND access IN ('open', 'members'), 0, NULL)) AS called_after,
      base + coalesce(own_after, since, 0) AS own_after
    FROM wanted LEFT JOIN my_rooms ON my_rooms.account = wanted.account AND my_rooms.room = wanted.name
      LEFT JOIN members ON members.room_no = wanted.room_no AND members.account = wanted.account),
  placed AS MATERIALIZED (
    SELECT marked.*, max(base + marked, base + first_seq - 1, base + iif(history = 'joined', coalesce(since, 0), 0),
      coalesce((SELECT id FROM events WHERE {_OWN} AND id > own_after AND id <= newest
        AND type IN ('message', 'redacted') ORDER BY id DESC LIMIT 1), 0)) AS position
    FROM marked WHERE newest NOTNULL)
SELECT json_group_array(json_array(account, name, first_seq, newest - base,
  (SELECT at_ms FROM events WHERE id = newest), position - base,
  newest - position
    - iif(newest = position, 0, (
      SELECT count(*) FROM events WHERE type <> 'message' AND type <> 'commit' AND id > position AND id <= newest))
    - iif(own_after <= position, 0,
      (SELECT count(*) FROM events WHERE {_OWN} AND id > position AND id <= own_after AND type = 'message')),
  iif(level IS 'nothing' OR newest = position, 0,
    (SELECT count(*) FROM mentions JOIN events ON id = base + seq AND type = 'message'
      WHERE mentions.account = placed.account AND room = name AND seq > position - base)
    + iif(called_after IS NULL, 0, (
      SELECT count(*) FROM room_mentions AS every JOIN events ON id = base + seq AND type = 'message'
      WHERE room = name AND seq > max(position - base, called_after) AND every.author <> placed.account AND NOT EXISTS (
        SELECT 1 FROM blocks WHERE blocker = placed.account AND blocked = every.author) AND NOT EXISTS (
        SELECT 1 FROM mentions AS own
        WHERE own.account = placed.account AND own.room = name AND own.seq = every.seq)))),
  level, coalesce(favourite, 0))) FROM (SELECT * FROM placed ORDER BY place) AS placed
"""  # noqa: S608 (no value inside)
"""Of a JSON array of pairs (account, room), as one value: each step of SQLite gives the GIL away.

The position is the greatest of what the account has marked, its newest own message behind that, the end of what
retention has dropped and of what it may not see. `called_after` is the seq behind which `@room` means the account; NULL
for who is no member and does not have the room, a public one, in the list.
"""


_decode = msgspec.json.Decoder(list[tuple[str, str, int, int, int, int, int, int, Level | None, int]]).decode


def unread(connection: apsw.Connection, pairs: str) -> list[Unread]:
    """See `Store.unread`; `pairs` is a JSON array."""
    rows = _decode(connection.execute(UNREAD, (pairs,)).get)
    return [
        Unread(account, room, first, head, at_text(at_ms), position, count, mentions, level, bool(favourite))
        for account, room, first, head, at_ms, position, count, mentions, level, favourite in rows
    ]
