"""All SQL that runs on the log, as static text; the schema itself is in migrations/."""

from __future__ import annotations

from functools import cache

SEQ_BITS = 36
"""An event's id is `room_no << 36 | seq`."""

SEQ_MASK = (1 << SEQ_BITS) - 1

_POLICY = """policy_seq, access, title, topic, archived, read_only, history, rules, CASE WHEN policy_seq > 0 THEN
  (SELECT json_group_array(json_array(account, role, since)) FROM members WHERE members.room_no = rooms.room_no) END,
  CASE WHEN policy_seq > 0 THEN (SELECT json_group_array(json_array(guest, name, link, since))
    FROM room_guests WHERE room_guests.room_no = rooms.room_no) END"""
"""The columns of a policy; the last have its members and guests as JSON, null where nobody has changed the room."""

_NEWEST_ID = "(SELECT max(id) FROM events WHERE id BETWEEN (room_no << 36) AND ((room_no + 1) << 36) - 1)"

FIND_ROOM = f"SELECT room_no, first_seq, {_NEWEST_ID}, {_POLICY} FROM rooms WHERE name = ?"  # noqa: S608 (no value inside)
"""The number, oldest seq, newest event id (null if none) and policy of a room."""

POLICIES = f"SELECT name, {_POLICY} FROM rooms WHERE policy_seq > 0"  # noqa: S608 (no value inside)
"""The rooms with a policy, and it."""

TIME_OF = "SELECT at_ms FROM events WHERE id = ?"
CREATE_ROOM = "INSERT INTO rooms (name) VALUES (?) RETURNING room_no"
SET_POLICY = """
UPDATE rooms SET policy_seq = ?, access = ?, title = ?, topic = ?, archived = ?, read_only = ?, history = ?, rules = ?
WHERE room_no = ?
"""
SET_MEMBER = "INSERT OR REPLACE INTO members (room_no, account, role, since) VALUES (?, ?, ?, ?)"
DROP_MEMBER = "DELETE FROM members WHERE room_no = ? AND account = ?"
SET_GUEST = "INSERT OR REPLACE INTO room_guests (room_no, guest, name, link, since) VALUES (?, ?, ?, ?, ?)"
DROP_GUEST = "DELETE FROM room_guests WHERE room_no = ? AND guest = ?"
DROP_GUESTS_OF = "DELETE FROM room_guests WHERE room_no = ? AND link = ?"

FIND_KEY = """
SELECT id, checksum, body, type, ref FROM events
WHERE id >> 36 = ? AND author = ? AND key = ? AND key IS NOT NULL
"""

INSERT_SIZES = (2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257)
"""An INSERT for every size of a batch would keep 22 MB of compiled statements; these keep about one. Each is one more
than a number of events, for the row of the commit; the last is for the largest batch."""

NEWEST_COMMIT = "SELECT max(id) FROM events WHERE id < 1 << 36"
"""The log of commits has the room number 0: a batch and what it changes are stored by one INSERT."""

COLUMNS = 8
CHECKSUM = 5
"""Of a row of events: how many columns it has, and which of them is the checksum."""


@cache
def insert_events(count: int) -> tuple[str, int]:
    """One statement for `count` rows (id, at_ms, author, key, body, checksum, type, ref), so that a batch is one step.

    And how many NULLs must follow the values: it has the next of INSERT_SIZES, and skips rows without an id.
    """
    size = next(size for size in INSERT_SIZES if size >= count)
    values = ",".join(["(?,?,?,?,?,?,?,?)"] * size)
    sql = f"INSERT INTO events SELECT * FROM (VALUES {values}) WHERE column1 NOTNULL"  # noqa: S608 (no value inside)
    return sql, (size - count) * COLUMNS


NEWEST_OF = "SELECT max(id) FROM events WHERE id BETWEEN ? AND ?"
NAME_OF = "SELECT name FROM rooms WHERE room_no = ?"
HAS_EVENTS = "SELECT EXISTS (SELECT 1 FROM events)"

REPLACE_EVENT = "UPDATE events SET body = ?, checksum = ?, type = ?, ref = ? WHERE id = ?"
CHECKSUM_OF = "SELECT checksum FROM events WHERE id = ?"
"""Also for the database of an older version, before it is brought forward."""

END_OF_LOOK = "SELECT count(*), max(id) FROM (SELECT id FROM events WHERE id > ? AND id <= ? ORDER BY id LIMIT ?)"
"""How many of the next events of a room there are, up to a number, and the id of the last."""

NEXT_EVENT = "SELECT min(id) FROM events WHERE id > ?"
EVENTS_NAMING = """
SELECT id, checksum, body, type, ref FROM events
WHERE id > ? AND id <= ? AND (author IN (SELECT value FROM json_each(?)) OR type IN (SELECT value FROM json_each(?)))
ORDER BY id LIMIT ?
"""

ONE_EVENT = "SELECT checksum, body, type, ref FROM events WHERE id = ?"

_PAGE = """
WITH
  room AS MATERIALIZED (SELECT room_no, first_seq, room_no << 36 AS base FROM rooms WHERE name = ?1),
  sizes AS MATERIALIZED (
    SELECT id, sum(size) OVER (ORDER BY id {order}) AS total FROM (
      SELECT id, octet_length(body) AS size FROM events
      WHERE id BETWEEN (SELECT base FROM room) + ?2 AND (SELECT base FROM room) + ?3
      ORDER BY id {order} LIMIT ?4))
SELECT room_no, first_seq,
  (SELECT max(id) FROM events WHERE id BETWEEN base AND base + (1 << 36) - 1),
  (SELECT count(*) FROM sizes),
  CAST((SELECT group_concat((id & ((1 << 36) - 1)) || ' ' || checksum || ' ' || type || ' '
    || coalesce(ref, '') || ' ' || CAST(body AS TEXT), char(10)) FROM (
    SELECT id, checksum, type, ref, body FROM events
    WHERE id BETWEEN {fitting} ORDER BY id)) AS BLOB)
FROM room
"""
FIRST_PAGE = _PAGE.format(
    order="ASC", fitting="base + ?2 AND (SELECT coalesce(max(id) FILTER (WHERE total <= ?5), min(id)) FROM sizes)"
)
LAST_PAGE = _PAGE.format(
    order="DESC", fitting="(SELECT coalesce(min(id) FILTER (WHERE total <= ?5), max(id)) FROM sizes) AND base + ?3"
)
"""A page is one step and one value: "seq checksum type ref body" lines, which need no escaping because JSON has no raw
newline. `sizes` finds where the limits fall from the lengths alone, without loading bodies.

Parameters: the name of the room, the first and last seq, at most how many events and bytes. Columns: room_no,
first_seq, newest id, how many events the limit covers, the lines. No row: no such room.
"""

_HEADS = """
SELECT room_no, rooms.name, rooms.first_seq, events.id, events.at_ms
FROM rooms JOIN events ON events.id =
  (SELECT max(id) FROM events AS newest WHERE newest.id BETWEEN (room_no << 36) AND ((room_no + 1) << 36) - 1)
"""
NEWEST_ROOMS = f"""{_HEADS}
WHERE rooms.name NOT LIKE '.%' AND rooms.name NOT LIKE '~%'
ORDER BY events.at_ms DESC, rooms.name LIMIT ?
"""
"""A name with a dot before it is that of a log which is no room, one with a ~ that of a private room."""

NEWEST_LOGS = f"{_HEADS} ORDER BY events.at_ms DESC, rooms.name LIMIT ?"
"""With all of them."""

HEADS_OF = f"{_HEADS} WHERE rooms.name IN (SELECT value FROM json_each(?))"  # noqa: S608 (no value inside)
"""The same of the rooms whose names are in a JSON array."""

GET_META = "SELECT value FROM meta WHERE name = ?"
SET_META = "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)"
ALL_META = "SELECT name, value FROM meta"
DROP_META = "DELETE FROM meta WHERE name = ?"

PROBE = "INSERT OR REPLACE INTO meta (name, value) VALUES ('probe', random())"
"""The smallest change; a new value each time, because SQLite does not write what is there already."""

DROP_EVENTS = "DELETE FROM events WHERE id >= ? AND id <= ?"
RAISE_FIRST = "UPDATE rooms SET first_seq = ? WHERE room_no = ?"

NOTE_OLDEST = """
INSERT OR IGNORE INTO oldest SELECT room_no, min(at_ms, ?1)
FROM rooms JOIN events ON id = (room_no << 36 | first_seq)
WHERE (?2 IS NULL OR name = ?2) AND EXISTS (
  SELECT 1 FROM events AS later WHERE later.id > (room_no << 36 | first_seq) AND later.id < (room_no + 1) << 36)
"""
DUE_ROOM = "SELECT name FROM oldest JOIN rooms USING (room_no) WHERE at_ms < ? ORDER BY at_ms LIMIT 1"
TIMES = "SELECT id & ((1 << 36) - 1), at_ms FROM events WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
SET_OLDEST = "UPDATE oldest SET at_ms = ? WHERE room_no = ?"
FORGET_OLDEST = "DELETE FROM oldest WHERE room_no = ?"

COMMITS_AFTER = "SELECT id, checksum, body FROM events WHERE id > ? AND id < 1 << 36 ORDER BY id LIMIT ?"
DROP_COMMITS = """
DELETE FROM events WHERE id IN (
  SELECT id FROM events WHERE id < min(?1, coalesce((SELECT min(position) FROM cursors), ?1)) ORDER BY id LIMIT ?2)
"""
GET_CURSOR = "SELECT position FROM cursors WHERE follower = ?"
SET_CURSOR = "INSERT OR REPLACE INTO cursors (follower, position) VALUES (?, ?)"
IS_FOLLOWED = "SELECT EXISTS (SELECT 1 FROM cursors)"
DROP_CURSOR = "DELETE FROM cursors WHERE follower = ?"

EVENTS_FROM = """
SELECT id, at_ms, CAST(author AS BLOB), CAST(key AS BLOB), body, checksum, CAST(type AS BLOB), ref
FROM events WHERE id BETWEEN ? AND ? ORDER BY id
"""
"""Texts as bytes: damaged ones may be no text."""

ROOM_AFTER = """
SELECT room_no, name, first_seq,
  coalesce((SELECT max(id) FROM events WHERE id BETWEEN (room_no << 36) AND ((room_no + 1) << 36) - 1), 0)
FROM rooms WHERE room_no > ? ORDER BY room_no LIMIT 1
"""

STRAY_EVENTS = """
SELECT id FROM events LEFT JOIN rooms ON room_no = id >> 36
WHERE id >= 1 << 36 AND (first_seq IS NULL OR id & ((1 << 36) - 1) < first_seq) LIMIT 100
"""
