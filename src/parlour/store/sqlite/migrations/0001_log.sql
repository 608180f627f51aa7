-- The logs of all rooms, and what the data is known by.

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- A room has 27 bits for its number, because an event's id keeps 36 for its seq. Rooms are never deleted.
CREATE TABLE rooms (
  room_no INTEGER PRIMARY KEY CHECK (room_no BETWEEN 1 AND 134217727),
  name TEXT NOT NULL UNIQUE,
  first_seq INTEGER NOT NULL DEFAULT 1
) STRICT;

-- id = room_no << 36 | seq: a page of a room is one range of the table, and the primary key is the only place of seq.
-- at_ms, author and key repeat what body says, to be found by; body is what readers get, to the byte.
-- checksum is the CRC-32 over the epoch, the room, the seq and body.
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  author TEXT NOT NULL,
  key TEXT,
  body BLOB NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;

-- An idempotency key counts once per room and author, for as long as its event is kept.
CREATE UNIQUE INDEX events_by_key ON events (id >> 36, author, key) WHERE key IS NOT NULL;
