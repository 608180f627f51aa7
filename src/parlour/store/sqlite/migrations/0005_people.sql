-- Accounts: `name` is unique, and so is what confusable names have in common (`skeleton`); `look` is the same of how the
-- account is shown. `password` is an argon2id string.
CREATE TABLE accounts (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  skeleton TEXT NOT NULL UNIQUE,
  display TEXT NOT NULL,
  look TEXT NOT NULL,
  kind TEXT NOT NULL,
  role TEXT NOT NULL,
  owner TEXT,
  password TEXT,
  state TEXT NOT NULL,
  made_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX accounts_by_look ON accounts (look);

-- Sessions and API tokens. `hash` is the SHA-256 of the secret, which is nowhere here; `id` names it in lists.
CREATE TABLE sign_ins (
  hash TEXT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL,
  kind TEXT NOT NULL,
  label TEXT NOT NULL,
  scopes TEXT NOT NULL,
  made_ms INTEGER NOT NULL,
  used_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_ins_by_account ON sign_ins (account);

-- Links that make an account with a role, or set the password of the account that they name.
CREATE TABLE invitations (
  hash TEXT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  maker TEXT,
  account TEXT,
  role TEXT NOT NULL,
  uses_left INTEGER NOT NULL,
  made_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT;
