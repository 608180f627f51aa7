"""All SQL that runs on the log, as static text; the schema itself is in migrations/.

A batch of drafts for rooms that exist is one statement (`APPEND`), and nodes run theirs side by side: the locks of the
rows of `rooms`, taken in one order, give each room its order. Everything else is a batch in steps. Those run alone:
they lock the table `gate`, in which `APPEND` asks for locks of rows (there are none). A statement waits for the locks
of its tables before it takes its snapshot, so one that waited sees all that was done meanwhile.
"""

from __future__ import annotations

SEQ_BITS = 36
"""An event's id is `room_no << 36 | seq`."""

SEQ_MASK = (1 << SEQ_BITS) - 1

TRY_LEAD = "SELECT pg_try_advisory_lock(1885434476, hashtext($1))"
"""Be the one node that does a piece of work, for as long as the connection lasts; false if another one is. The number
spells `parl`."""

HOLD_AS_SERVER = "SELECT pg_advisory_lock_shared(1885434476, hashtext('servers'))"
HOLD_ALONE = "SELECT pg_advisory_lock(1885434476, hashtext('servers'))"
"""Be one of the servers of a database, or the one that moves it; the same number as above."""

LOCK_GATE = "LOCK TABLE gate IN EXCLUSIVE MODE"
"""Reads alone, as those of `pg_dump`, are not in its way."""

APPEND = """
WITH
  wanted AS (SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[])
    AS w (room_no, known, head, at_ms)),
  turns AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(1919905645, room_no) FROM (SELECT room_no FROM wanted ORDER BY 1) AS w),
  locked AS MATERIALIZED (
    SELECT rooms.room_no FROM rooms JOIN wanted ON wanted.room_no = rooms.room_no AND wanted.known = rooms.head
    WHERE NOT EXISTS (SELECT FROM gate FOR KEY SHARE) AND (SELECT count(*) FROM turns) > 0
    ORDER BY rooms.room_no FOR UPDATE OF rooms),
  agreed AS MATERIALIZED (SELECT count(*) = cardinality($1) AS is_so FROM locked),
  moved AS (
    UPDATE rooms SET head = wanted.head, at_ms = wanted.at_ms FROM wanted, agreed
    WHERE is_so AND rooms.room_no = wanted.room_no),
  stored AS (
    INSERT INTO events (id, at_ms, author, key, body, checksum, type, ref)
    SELECT e.* FROM agreed, unnest($5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::bytea[], $10::bigint[],
      $11::text[], $12::bigint[]) AS e WHERE is_so),
  noted AS (
    INSERT INTO commits (position, at_ms, body, checksum, node)
    SELECT pg_current_xact_id()::text::bigint + $13, $14, $15, $16, $17 FROM agreed WHERE is_so RETURNING position)
SELECT position FROM noted
"""
"""Store a batch if every room of it still ends where this node knows it to; gives the position of the commit, or no
row.

The values: of each room its number, the seq that it is known to end with, the one that it ends with then, and the time
of that; of each event its columns; what to add to the number of the transaction for the position, the time, the ranges
that the batch changes, their checksum, and the node. Raises a unique violation if an idempotency key is stored already.
"""

LOCK_ROOMS = """
WITH turns AS MATERIALIZED (
  SELECT pg_advisory_xact_lock(1919905645, room_no) FROM (SELECT unnest($1::int[]) AS room_no ORDER BY 1) AS w)
SELECT room_no, first_seq, head, at_ms, policy_seq FROM rooms
WHERE room_no = ANY($1::int[]) AND NOT EXISTS (SELECT FROM gate FOR KEY SHARE) AND (SELECT count(*) FROM turns) > 0
ORDER BY room_no FOR UPDATE OF rooms
"""
"""Lock rooms for an `APPEND` in the same transaction, in the order in which that does it, and give where they end.

The lock of a row goes to whoever asks when it is free, which is the node that had it, and not one that has to wake up
first. So nodes wait in the queue of another lock, on the number of the room, which every `APPEND` shares.
The number before it spells `room`.
"""

INSERT_EVENTS = """
INSERT INTO events (id, at_ms, author, key, body, checksum, type, ref)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bytea[], $6::bigint[], $7::text[],
  $8::bigint[])
"""
MOVE_HEADS = """
UPDATE rooms SET head = wanted.head, at_ms = wanted.at_ms
FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS wanted (room_no, head, at_ms)
WHERE rooms.room_no = wanted.room_no
"""
INSERT_COMMIT = """
INSERT INTO commits (position, at_ms, body, checksum, node)
VALUES (pg_current_xact_id()::text::bigint + $1, $2, $3, $4, $5) RETURNING position
"""

_POLICY = """policy_seq, access, title, topic, archived, read_only, history, rules, CASE WHEN policy_seq > 0 THEN
  (SELECT json_agg(json_build_array(account, role, since))::text FROM members AS m
    WHERE m.room_no = rooms.room_no) END, CASE WHEN policy_seq > 0 THEN
  (SELECT json_agg(json_build_array(guest, name, link, since))::text FROM room_guests AS g
    WHERE g.room_no = rooms.room_no) END"""
"""The columns of a policy; the last have its members and guests as JSON, null where there are none."""

ENDS = "SELECT name, first_seq, head, at_ms, policy_seq FROM rooms WHERE name = ANY($1::text[])"
"""The ends of rooms, without who is a member: that may be long."""

FIND_ROOMS = f"SELECT name, room_no, first_seq, head, at_ms, {_POLICY} FROM rooms WHERE name = ANY($1::text[])"  # noqa: S608 (no value inside)
POLICIES_OF = f"SELECT name, {_POLICY} FROM rooms WHERE name = ANY($1::text[])"  # noqa: S608 (no value inside)
POLICIES = f"SELECT name, {_POLICY} FROM rooms WHERE policy_seq > 0"  # noqa: S608 (no value inside)
CREATE_ROOM = "INSERT INTO rooms (name) VALUES ($1) RETURNING room_no"
SET_POLICY = """
UPDATE rooms SET policy_seq = $1, access = $2, title = $3, topic = $4, archived = $5, read_only = $6, history = $7,
  rules = $8
WHERE room_no = $9
"""
SET_MEMBER = """
INSERT INTO members (room_no, account, role, since) VALUES ($1, $2, $3, $4)
ON CONFLICT (room_no, account) DO UPDATE SET role = excluded.role, since = excluded.since
"""
DROP_MEMBER = "DELETE FROM members WHERE room_no = $1 AND account = $2"
SET_GUEST = """
INSERT INTO room_guests (room_no, guest, name, link, since) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (room_no, guest) DO UPDATE SET name = excluded.name, link = excluded.link, since = excluded.since
"""
DROP_GUEST = "DELETE FROM room_guests WHERE room_no = $1 AND guest = $2"
DROP_GUESTS_OF = "DELETE FROM room_guests WHERE room_no = $1 AND link = $2"

FIND_KEYS = """
SELECT e.id, e.author, e.key, e.checksum, e.body, e.type, e.ref
FROM unnest($1::int[], $2::text[], $3::text[]) AS wanted (room_no, author, key)
JOIN events AS e ON e.id >> 36 = wanted.room_no AND e.author = wanted.author AND e.key = wanted.key
WHERE e.key IS NOT NULL
"""
ONE_EVENT = "SELECT checksum, body, type, ref FROM events WHERE id = $1"
REPLACE_EVENTS = """
UPDATE events SET body = new.body, checksum = new.checksum, type = new.type, ref = new.ref
FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::text[], $5::bigint[]) AS new (id, body, checksum, type, ref)
WHERE events.id = new.id
"""

_PAGE = """
WITH
  room AS MATERIALIZED (SELECT first_seq, head, room_no::bigint << 36 AS base FROM rooms WHERE name = $1),
  sized AS MATERIALIZED (
    SELECT id, sum(size) OVER (ORDER BY id {order}) AS total FROM (
      SELECT id, octet_length(body) AS size FROM events
      WHERE id BETWEEN (SELECT base FROM room) + $2 AND (SELECT base FROM room) + $3
      ORDER BY id {order} LIMIT $4) AS e),
  fitting AS MATERIALIZED (
    SELECT coalesce(min(id) FILTER (WHERE total <= $5), {first}(id)) AS low,
      coalesce(max(id) FILTER (WHERE total <= $5), {first}(id)) AS high FROM sized)
SELECT room.first_seq, room.head, id & ((1::bigint << 36) - 1), checksum, body, type, ref
FROM room LEFT JOIN (
  SELECT id, checksum, body, type, ref FROM events
  WHERE id BETWEEN (SELECT low FROM fitting) AND (SELECT high FROM fitting)) AS e ON true
ORDER BY id
"""
FIRST_PAGE = _PAGE.format(order="ASC", first="min")
LAST_PAGE = _PAGE.format(order="DESC", first="max")
"""The events of a room between two seqs, at most so many events and bytes, but at least one.

`sized` finds where the limits fall from the lengths alone. Each row begins with the extent of the log; a page without
events is one row with nothing else. No row: no such room.
"""

PAGES_AFTER = """
SELECT wanted.place, rooms.first_seq, rooms.head, e.id & ((1::bigint << 36) - 1), checksum, body, type, ref
FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS wanted (name, seq, place)
JOIN rooms ON rooms.name = wanted.name
LEFT JOIN LATERAL (
  SELECT id, checksum, body, type, ref FROM (
    SELECT *, sum(octet_length(body)) OVER (ORDER BY id) AS total FROM events
    WHERE id > (room_no::bigint << 36) + seq AND id < (room_no + 1::bigint) << 36 ORDER BY id LIMIT $3) AS sized
  WHERE total <= $4 OR total = octet_length(body)) AS e ON true
ORDER BY place, id
"""
"""The first page behind a seq of each of several rooms; the limits are those of each page. Rows are as of `FIRST_PAGE`,
with the place of the room before them."""

_HEADS = "SELECT name, first_seq, head, at_ms FROM rooms"
NEWEST_ROOMS = f"{_HEADS} WHERE name NOT LIKE '.%' AND name NOT LIKE '~%' ORDER BY at_ms DESC, name LIMIT $1"
"""A name with a dot before it is that of a log which is no room, one with a ~ that of a private room."""
HEADS_OF = f"{_HEADS} WHERE name = ANY($1::text[])"

GET_META = "SELECT name, value FROM meta"
SET_META = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
DROP_META = "DELETE FROM meta WHERE name = $1"

DROP_EVENTS = "DELETE FROM events WHERE id >= $1 AND id <= $2"
RAISE_FIRST = "UPDATE rooms SET first_seq = $1 WHERE room_no = $2"
NOTE_OLDEST = """
INSERT INTO oldest (room_no, at_ms)
SELECT room_no, least(events.at_ms, $1) FROM rooms JOIN events ON id = (room_no::bigint << 36 | first_seq)
WHERE ($2::text IS NULL OR name = $2) AND head > first_seq
ON CONFLICT (room_no) DO NOTHING
"""
DUE_ROOM = "SELECT name FROM oldest JOIN rooms USING (room_no) WHERE oldest.at_ms < $1 ORDER BY oldest.at_ms LIMIT 1"
TIMES = "SELECT id & ((1::bigint << 36) - 1), at_ms FROM events WHERE id >= $1 AND id < $2 ORDER BY id LIMIT $3"
SET_OLDEST = "UPDATE oldest SET at_ms = $1 WHERE room_no = $2"
FORGET_OLDEST = "DELETE FROM oldest WHERE room_no = $1"

_OLDEST_RUNNING = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
"""The oldest transaction that still runs: nothing below it will be added any more."""

POSITION = f"SELECT {_OLDEST_RUNNING} - 1 + $1"
COMMITS_AFTER = f"""
SELECT position, checksum, body FROM commits WHERE position > $1 AND position < {_OLDEST_RUNNING} + $3
ORDER BY position LIMIT $2
"""  # noqa: S608 (no value inside)
NEWEST_POSITION = """
SELECT greatest((SELECT max(position) FROM commits), (SELECT max(position) FROM cursors), 0),
  pg_current_xact_id()::text::bigint
"""
"""The greatest position that anything here speaks of, and the number of this transaction."""
COMMITS_AT = "SELECT position, checksum, body FROM commits WHERE position = ANY($1::bigint[]) AND node <> $2"
COMMITS_OF_OTHERS = f"""
SELECT position, checksum, body FROM commits WHERE position > $1 AND position < {_OLDEST_RUNNING} + $2 AND node <> $3
ORDER BY position LIMIT $4
"""  # noqa: S608 (no value inside)
COMMITS_SEEN = "SELECT position, checksum, body FROM commits WHERE position > $1 AND node <> $2 ORDER BY position"
COMMITS_OF = "SELECT position, checksum, body FROM commits WHERE position > $1 AND node = $2 ORDER BY position"
NAMES_OF = "SELECT room_no, name FROM rooms WHERE room_no = ANY($1::int[])"
DROP_COMMITS = """
DELETE FROM commits WHERE position IN (
  SELECT position FROM commits WHERE at_ms < $1 AND position <= coalesce((SELECT min(position) FROM cursors), position)
  ORDER BY position LIMIT $2 FOR UPDATE SKIP LOCKED)
"""
"""Drop rows that are older than a time and that no follower needs any more, at most so many."""
GET_CURSOR = "SELECT position FROM cursors WHERE follower = $1"
SET_CURSOR = """
INSERT INTO cursors (follower, position) VALUES ($1, $2)
ON CONFLICT (follower) DO UPDATE SET position = excluded.position
"""
DROP_CURSOR = "DELETE FROM cursors WHERE follower = $1"

NEXT_EVENT = "SELECT min(id) FROM events WHERE id > $1"
NAME_OF = "SELECT name FROM rooms WHERE room_no = $1"
END_OF_LOOK = """
SELECT count(*), max(id) FROM (SELECT id FROM events WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3) AS e
"""
EVENTS_NAMING = """
SELECT id, checksum, body, type, ref FROM events
WHERE id > $1 AND id <= $2 AND (author = ANY($3::text[]) OR type = ANY($4::text[]))
ORDER BY id LIMIT $5
"""

HAS_MIGRATIONS = "SELECT to_regclass('migrations') IS NOT NULL"
ROOMS_AFTER = "SELECT room_no, name, first_seq, head, at_ms FROM rooms WHERE room_no > $1 ORDER BY room_no LIMIT $2"
ROOMS_BETWEEN = """
SELECT room_no, name, first_seq, head, at_ms FROM rooms WHERE room_no BETWEEN $1 AND $2 ORDER BY room_no
"""
EVENTS_BETWEEN = """
SELECT id, at_ms, author, key, body, checksum, type, ref FROM events WHERE id >= $1 AND id < $2 ORDER BY id
"""
ALL_COMMITS = "SELECT position, checksum, body FROM commits"
STRAY_EVENTS = """
SELECT id FROM events LEFT JOIN rooms ON room_no = id >> 36
WHERE room_no IS NULL OR id & ((1::bigint << 36) - 1) NOT BETWEEN first_seq AND head ORDER BY id LIMIT 100
"""
FACTS = """
SELECT current_setting('server_version') AS postgresql, pg_database_size(current_database()) AS bytes
"""
