-- How many second factors an account has: with one, a password alone lets nobody in.
ALTER TABLE accounts ADD COLUMN factors INTEGER NOT NULL DEFAULT 0;

-- Authenticator apps. `secret` is sealed (chat/sealing.py); `step` is that of the last code that was used.
CREATE TABLE totp (
  account TEXT PRIMARY KEY,
  secret TEXT NOT NULL,
  step INTEGER NOT NULL,
  made_ms INTEGER NOT NULL,
  used_ms INTEGER NOT NULL
) STRICT;

-- Recovery codes that were not used: their SHA-256.
CREATE TABLE recovery_codes (
  hash TEXT PRIMARY KEY,
  account TEXT NOT NULL
) STRICT;
CREATE INDEX recovery_codes_by_account ON recovery_codes (account);

-- The last changes of how accounts sign in, for the page of the account.
CREATE TABLE sign_in_changes (
  id TEXT PRIMARY KEY,
  account TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  what TEXT NOT NULL
) STRICT;
CREATE INDEX sign_in_changes_by_account ON sign_in_changes (account, at_ms);
