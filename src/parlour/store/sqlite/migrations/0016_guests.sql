-- Links by which guests come into rooms. The code stands on walls: it is no secret that a hash would keep. `rooms` are
-- names with spaces between them; `newcomers` and `wait_minutes` say what becomes of those who open it.
CREATE TABLE guest_links (
  id TEXT PRIMARY KEY,
  code TEXT NOT NULL UNIQUE,
  maker TEXT,
  rooms TEXT NOT NULL,
  people INTEGER NOT NULL,
  newcomers TEXT NOT NULL,
  wait_minutes INTEGER NOT NULL,
  made_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX guest_links_by_end ON guest_links (expires_ms);

-- The passes of those who came by them. `hash` is the SHA-256 of the secret in the cookie, `address` a keyed hash of the
-- address from which it was made, `removed_ms` when the host removed it (0: not).
CREATE TABLE passes (
  hash TEXT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  link TEXT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  address TEXT NOT NULL,
  made_ms INTEGER NOT NULL,
  removed_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX passes_by_link ON passes (link, address);

-- Who is in a room by a pass; `since` is the seq of the event with which they came.
CREATE TABLE room_guests (
  room_no INTEGER NOT NULL,
  guest TEXT NOT NULL,
  name TEXT NOT NULL,
  link TEXT NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (room_no, guest)
) STRICT, WITHOUT ROWID;
