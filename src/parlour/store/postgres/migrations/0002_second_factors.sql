ALTER TABLE accounts ADD COLUMN factors BIGINT NOT NULL DEFAULT 0;

CREATE TABLE totp (
  account TEXT COLLATE "C" PRIMARY KEY,
  secret TEXT NOT NULL,
  step BIGINT NOT NULL,
  made_ms BIGINT NOT NULL,
  used_ms BIGINT NOT NULL
);

CREATE TABLE recovery_codes (
  hash TEXT COLLATE "C" PRIMARY KEY,
  account TEXT COLLATE "C" NOT NULL
);
CREATE INDEX recovery_codes_by_account ON recovery_codes (account);

CREATE TABLE sign_in_changes (
  id TEXT COLLATE "C" PRIMARY KEY,
  account TEXT COLLATE "C" NOT NULL,
  at_ms BIGINT NOT NULL,
  what TEXT NOT NULL
);
CREATE INDEX sign_in_changes_by_account ON sign_in_changes (account, at_ms);
