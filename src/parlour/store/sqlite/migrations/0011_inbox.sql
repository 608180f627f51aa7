-- What needs an account: the fold of its own log (core/payloads.py) and of those of its rooms.
-- read_seq is null where it has set no position: then that is where it joined. Its own messages after own_after move it.
CREATE TABLE my_rooms (
  account TEXT NOT NULL,
  room TEXT NOT NULL,
  read_seq INTEGER,
  own_after INTEGER,
  level TEXT,
  favourite INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (account, room)
) STRICT, WITHOUT ROWID;

-- `place` is the seq of the event of the account's log that says so.
CREATE TABLE mentions (
  account TEXT NOT NULL,
  room TEXT NOT NULL,
  seq INTEGER NOT NULL,
  place INTEGER NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (account, room, seq)
) STRICT, WITHOUT ROWID;

-- Messages that are for all members of a room: one row, however many there are.
CREATE TABLE room_mentions (
  room TEXT NOT NULL,
  seq INTEGER NOT NULL,
  author TEXT NOT NULL,
  PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE inbox_settings (
  account TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

-- What is unread is counted by these: the events that are no messages are few, and so are one's own. A guest's message is
-- in neither. Statements that use them repeat their conditions.
CREATE INDEX events_not_messages ON events (id) WHERE type <> 'message' AND type <> 'commit';
CREATE INDEX events_of_accounts ON events (author, id) WHERE author >= 'u_' AND author < 'u`';
