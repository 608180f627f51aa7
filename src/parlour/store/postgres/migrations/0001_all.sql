-- The logs of all rooms, what the data is known by, and the tables of people: what the embedded engine has, with the end
-- of each log in the row of its room. Texts compare by their bytes, as they do there.

CREATE TABLE meta (
  name TEXT COLLATE "C" PRIMARY KEY,
  value TEXT NOT NULL
);

-- Never written: whoever runs a transaction locks it, whoever appends drafts reads it (statements.py).
CREATE TABLE gate (closed INTEGER);

-- head and at_ms are the seq and the time of the newest event; their row's lock gives the order of a room. None of
-- them is in an index, so that an update stays on its page.
CREATE TABLE rooms (
  room_no INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (room_no BETWEEN 1 AND 134217727),
  name TEXT COLLATE "C" NOT NULL UNIQUE,
  first_seq BIGINT NOT NULL DEFAULT 1,
  head BIGINT NOT NULL DEFAULT 0,
  at_ms BIGINT NOT NULL DEFAULT 0,
  policy_seq BIGINT NOT NULL DEFAULT 0,
  access TEXT NOT NULL DEFAULT 'open',
  title TEXT NOT NULL DEFAULT '',
  topic TEXT NOT NULL DEFAULT '',
  archived INTEGER NOT NULL DEFAULT 0,
  read_only INTEGER NOT NULL DEFAULT 0,
  history TEXT NOT NULL DEFAULT 'all'
) WITH (fillfactor = 50);
CREATE INDEX rooms_with_policy ON rooms (room_no) WHERE policy_seq > 0;

-- id = room_no << 36 | seq. body is what readers get, to the byte; checksum the CRC-32 over the seed, the room, the seq
-- and body.
CREATE TABLE events (
  id BIGINT PRIMARY KEY,
  at_ms BIGINT NOT NULL,
  author TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C",
  body BYTEA NOT NULL,
  checksum BIGINT NOT NULL,
  type TEXT COLLATE "C" NOT NULL,
  ref BIGINT
);
CREATE UNIQUE INDEX events_by_key ON events ((id >> 36), author, key) WHERE key IS NOT NULL;

-- What each transaction changed, for followers and for the other nodes: body is ranges of seqs as JSON, node who has
-- stored it. The position is the number that PostgreSQL gave the transaction, so none below the oldest that still runs
-- will be added.
CREATE TABLE commits (
  position BIGINT PRIMARY KEY,
  node TEXT COLLATE "C" NOT NULL,
  at_ms BIGINT NOT NULL,
  body BYTEA NOT NULL,
  checksum BIGINT NOT NULL
);

CREATE TABLE cursors (
  follower TEXT COLLATE "C" PRIMARY KEY,
  position BIGINT NOT NULL
);

CREATE TABLE oldest (
  room_no INTEGER PRIMARY KEY,
  at_ms BIGINT NOT NULL
);
CREATE INDEX oldest_by_time ON oldest (at_ms);

CREATE TABLE members (
  room_no INTEGER NOT NULL,
  account TEXT COLLATE "C" NOT NULL,
  role TEXT NOT NULL,
  since BIGINT NOT NULL,
  PRIMARY KEY (room_no, account)
);

CREATE TABLE accounts (
  id TEXT COLLATE "C" PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL UNIQUE,
  skeleton TEXT COLLATE "C" NOT NULL UNIQUE,
  display TEXT NOT NULL,
  look TEXT COLLATE "C" NOT NULL,
  kind TEXT NOT NULL,
  role TEXT NOT NULL,
  owner TEXT COLLATE "C",
  password TEXT,
  state TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  status TEXT NOT NULL DEFAULT '',
  time_zone TEXT NOT NULL DEFAULT '',
  language TEXT NOT NULL DEFAULT '',
  hue INTEGER
);
CREATE INDEX accounts_by_look ON accounts (look);

CREATE TABLE former_names (
  name TEXT COLLATE "C" PRIMARY KEY,
  skeleton TEXT COLLATE "C" NOT NULL,
  account TEXT COLLATE "C" NOT NULL
);
CREATE INDEX former_names_by_skeleton ON former_names (skeleton);
CREATE INDEX former_names_by_account ON former_names (account);

CREATE TABLE sign_ins (
  hash TEXT COLLATE "C" PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL UNIQUE,
  account TEXT COLLATE "C" NOT NULL,
  kind TEXT NOT NULL,
  label TEXT NOT NULL,
  scopes TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  used_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  rooms TEXT NOT NULL DEFAULT '',
  authenticated_ms BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX sign_ins_by_account ON sign_ins (account);
CREATE INDEX sign_ins_by_end ON sign_ins (expires_ms);

CREATE TABLE invitations (
  hash TEXT COLLATE "C" PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL UNIQUE,
  maker TEXT COLLATE "C",
  account TEXT COLLATE "C",
  role TEXT NOT NULL,
  uses_left INTEGER NOT NULL,
  made_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  room TEXT COLLATE "C"
);

CREATE TABLE deletions (
  account TEXT COLLATE "C" PRIMARY KEY,
  messages TEXT NOT NULL,
  position BIGINT NOT NULL,
  is_changed INTEGER NOT NULL
);

CREATE TABLE server_settings (
  name TEXT COLLATE "C" PRIMARY KEY,
  value TEXT NOT NULL,
  seq BIGINT NOT NULL
);

CREATE TABLE tickets (
  hash TEXT COLLATE "C" PRIMARY KEY,
  account TEXT COLLATE "C" NOT NULL,
  sign_in TEXT COLLATE "C",
  password TEXT,
  scopes TEXT,
  rooms TEXT,
  authenticated_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL
);
CREATE INDEX tickets_by_account ON tickets (account, expires_ms);
CREATE INDEX tickets_by_end ON tickets (expires_ms);
