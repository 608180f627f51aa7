-- Who is kept out of the whole server: accounts, addresses, guests, and accounts that wait to be approved.
CREATE TABLE bans (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  name TEXT NOT NULL,
  reason TEXT NOT NULL,
  until_ms INTEGER,
  made_ms INTEGER NOT NULL,
  made_by TEXT NOT NULL,
  mark TEXT,
  address TEXT,
  since_ms INTEGER
) STRICT;
