-- As migration 0016 of the engine on SQLite.
CREATE TABLE guest_links (
  id TEXT COLLATE "C" PRIMARY KEY,
  code TEXT COLLATE "C" NOT NULL UNIQUE,
  maker TEXT COLLATE "C",
  rooms TEXT NOT NULL,
  people INTEGER NOT NULL,
  newcomers TEXT NOT NULL,
  wait_minutes INTEGER NOT NULL,
  made_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL
);
CREATE INDEX guest_links_by_end ON guest_links (expires_ms);

CREATE TABLE passes (
  hash TEXT COLLATE "C" PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL UNIQUE,
  link TEXT COLLATE "C" NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  address TEXT COLLATE "C" NOT NULL,
  made_ms BIGINT NOT NULL,
  removed_ms BIGINT NOT NULL
);
CREATE INDEX passes_by_link ON passes (link, address);

CREATE TABLE room_guests (
  room_no INTEGER NOT NULL,
  guest TEXT COLLATE "C" NOT NULL,
  name TEXT NOT NULL,
  link TEXT COLLATE "C" NOT NULL,
  since BIGINT NOT NULL,
  PRIMARY KEY (room_no, guest)
);
