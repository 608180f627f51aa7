CREATE TABLE passkeys (
  id TEXT COLLATE "C" PRIMARY KEY,
  credential TEXT COLLATE "C" NOT NULL UNIQUE,
  account TEXT COLLATE "C" NOT NULL,
  label TEXT NOT NULL,
  public_key TEXT NOT NULL,
  counter BIGINT NOT NULL,
  rp TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  used_ms BIGINT NOT NULL
);
CREATE INDEX passkeys_by_account ON passkeys (account);

CREATE TABLE used_challenges (
  hash TEXT COLLATE "C" PRIMARY KEY,
  expires_ms BIGINT NOT NULL
);
CREATE INDEX used_challenges_by_end ON used_challenges (expires_ms);
