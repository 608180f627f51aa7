-- Tickets for streams. `hash` is the SHA-256 of the secret; `sign_in` is what made it, null for a password, whose hash
-- then is in `password` as a digest: the ticket ends with either. Scopes and rooms are null for all, else separated by
-- spaces.
CREATE TABLE tickets (
  hash TEXT PRIMARY KEY,
  account TEXT NOT NULL,
  sign_in TEXT,
  password TEXT,
  scopes TEXT,
  rooms TEXT,
  authenticated_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX tickets_by_account ON tickets (account, expires_ms);
CREATE INDEX tickets_by_end ON tickets (expires_ms);

-- What has expired is looked for all the time.
CREATE INDEX sign_ins_by_end ON sign_ins (expires_ms);
