-- Settings of the server that somebody has changed while it ran; the others have their defaults. `seq` is that of the
-- event of the server's log that says so.
CREATE TABLE server_settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  seq INTEGER NOT NULL
) STRICT;

-- When a session was begun, or its password given again; 0 for those from before.
ALTER TABLE sign_ins ADD COLUMN authenticated_ms INTEGER NOT NULL DEFAULT 0;
