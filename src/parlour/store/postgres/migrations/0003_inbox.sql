-- What needs an account: as the embedded engine has it.
CREATE TABLE my_rooms (
  account TEXT COLLATE "C" NOT NULL,
  room TEXT COLLATE "C" NOT NULL,
  read_seq BIGINT,
  own_after BIGINT,
  level TEXT,
  favourite INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (account, room)
);

CREATE TABLE mentions (
  account TEXT COLLATE "C" NOT NULL,
  room TEXT COLLATE "C" NOT NULL,
  seq BIGINT NOT NULL,
  place BIGINT NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (account, room, seq)
);

CREATE TABLE room_mentions (
  room TEXT COLLATE "C" NOT NULL,
  seq BIGINT NOT NULL,
  author TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (room, seq)
);

CREATE TABLE inbox_settings (
  account TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (account, name)
);

CREATE INDEX events_not_messages ON events (id) WHERE type <> 'message';
CREATE INDEX events_of_accounts ON events (author, id) WHERE author >= 'u_' AND author < 'u`';
