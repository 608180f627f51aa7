-- Passkeys (WebAuthn). `credential` is the id that the authenticator gave it, `public_key` its COSE key, both in base64url;
-- `counter` is that of its last signature, `rp` the name of the host that it was made for.
CREATE TABLE passkeys (
  id TEXT PRIMARY KEY,
  credential TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL,
  label TEXT NOT NULL,
  public_key TEXT NOT NULL,
  counter INTEGER NOT NULL,
  rp TEXT NOT NULL,
  made_ms INTEGER NOT NULL,
  used_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX passkeys_by_account ON passkeys (account);

-- Challenges that were answered, until they end by themselves: their SHA-256.
CREATE TABLE used_challenges (
  hash TEXT PRIMARY KEY,
  expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX used_challenges_by_end ON used_challenges (expires_ms);
