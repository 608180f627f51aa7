"""All SQL that runs on the log, as static text; the schema itself is in migrations/."""

from __future__ import annotations

from functools import cache

SEQ_BITS = 36
"""An event's id is `room_no << 36 | seq`."""

SEQ_MASK = (1 << SEQ_BITS) - 1
MAX_ROOM_NO = (1 << 27) - 1

FIND_ROOM = """
SELECT room_no, first_seq,
  (SELECT max(id) FROM events WHERE id BETWEEN (room_no << 36) AND ((room_no + 1) << 36) - 1)
FROM rooms WHERE name = ?
"""
"""The number, oldest seq and newest event id (null if none) of a room."""

TIME_OF = "SELECT at_ms FROM events WHERE id = ?"

CREATE_ROOM = "INSERT INTO rooms (name) VALUES (?) RETURNING room_no"

FIND_KEY = """
SELECT id, checksum, body FROM events
WHERE id >> 36 = ? AND author = ? AND key = ? AND key IS NOT NULL
"""


@cache
def insert_events(count: int) -> str:
    """One statement for `count` rows (id, at_ms, author, key, body, checksum), so that a batch is one step."""
    return "INSERT INTO events VALUES " + ",".join(["(?,?,?,?,?,?)"] * count)  # noqa: S608 (no value inside)


# A page is one step and one value: "seq checksum body" lines, which need no escaping because JSON has no raw newline.
# The inner query finds where the limits fall from the sizes alone, without loading bodies.
# Columns: the oldest seq of the room (null: no such room), the lines (null: no events).
PAGE_AFTER = """
WITH room AS (SELECT room_no << 36 AS base, first_seq FROM rooms WHERE name = ?1),
  sizes AS (
    SELECT id, sum(size) OVER (ORDER BY id) AS total FROM (
      SELECT id, octet_length(body) AS size FROM events
      WHERE id > (SELECT base FROM room) + ?2 AND id < (SELECT base FROM room) + (1 << 36)
      ORDER BY id LIMIT ?3)),
  last AS (SELECT coalesce(max(id) FILTER (WHERE total <= ?4), min(id)) AS id FROM sizes)
SELECT (SELECT first_seq FROM room),
  CAST((SELECT group_concat((id & 68719476735) || ' ' || checksum || ' ' || CAST(body AS TEXT), char(10))
    FROM events WHERE id > (SELECT base FROM room) + ?2 AND id <= (SELECT id FROM last)) AS BLOB)
"""

PAGE_BEFORE = """
WITH room AS (SELECT room_no << 36 AS base, first_seq FROM rooms WHERE name = ?1),
  sizes AS (
    SELECT id, sum(size) OVER (ORDER BY id DESC) AS total FROM (
      SELECT id, octet_length(body) AS size FROM events
      WHERE id < (SELECT base FROM room) + ?2 AND id > (SELECT base FROM room)
      ORDER BY id DESC LIMIT ?3)),
  oldest AS (SELECT coalesce(min(id) FILTER (WHERE total <= ?4), max(id)) AS id FROM sizes)
SELECT (SELECT first_seq FROM room),
  CAST((SELECT group_concat((id & 68719476735) || ' ' || checksum || ' ' || CAST(body AS TEXT), char(10))
    FROM events WHERE id >= (SELECT id FROM oldest) AND id < (SELECT base FROM room) + ?2) AS BLOB)
"""

ROOMS = """
SELECT rooms.name, rooms.first_seq, events.id & 68719476735, events.at_ms
FROM rooms JOIN events ON events.id =
  (SELECT max(id) FROM events AS newest WHERE newest.id BETWEEN (room_no << 36) AND ((room_no + 1) << 36) - 1)
ORDER BY events.at_ms DESC, rooms.name LIMIT ?
"""

GET_META = "SELECT value FROM meta WHERE name = ?"
SET_META = "INSERT INTO meta (name, value) VALUES (?, ?)"

ROOMS_FROM = """
SELECT room_no, first_seq,
  (SELECT max(id) FROM events WHERE id BETWEEN (room_no << 36) AND ((room_no + 1) << 36) - 1)
FROM rooms WHERE room_no > ? ORDER BY room_no LIMIT ?
"""

# The times of a room never go back, so what has expired is a run at its beginning.
EXPIRED = """
SELECT max(id) FROM (SELECT id, at_ms FROM events WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3) WHERE at_ms < ?4
"""

DROP_EVENTS = "DELETE FROM events WHERE id > ? AND id <= ?"
RAISE_FIRST = "UPDATE rooms SET first_seq = ? WHERE room_no = ?"
