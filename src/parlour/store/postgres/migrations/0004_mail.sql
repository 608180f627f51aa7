-- The e-mail address of an account, if it has one: `folded` is what two ways to write it have in common. It is there
-- once it was verified. A link that waits for that is in email_links; `hash` is the SHA-256 of its secret.
CREATE TABLE emails (
  account TEXT COLLATE "C" PRIMARY KEY,
  address TEXT NOT NULL,
  folded TEXT COLLATE "C" NOT NULL UNIQUE,
  verified_ms BIGINT NOT NULL
);
CREATE TABLE email_links (
  hash TEXT COLLATE "C" PRIMARY KEY,
  account TEXT COLLATE "C" NOT NULL,
  address TEXT NOT NULL,
  folded TEXT COLLATE "C" NOT NULL,
  expires_ms BIGINT NOT NULL
);
CREATE INDEX email_links_by_account ON email_links (account);
CREATE INDEX email_links_by_end ON email_links (expires_ms);

-- Mail that waits to be sent, at the earliest at due_ms. `address` is null while it has to be found out yet; `details`
-- is JSON, and has no secret: that of a link is made from `id` and the secret of the server when it is sent. failed_ms
-- is when it was given up, null before; `error` is why it could not be sent.
CREATE TABLE mails (
  id TEXT COLLATE "C" PRIMARY KEY,
  kind TEXT NOT NULL,
  account TEXT COLLATE "C",
  address TEXT,
  details TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  due_ms BIGINT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  failed_ms BIGINT,
  error TEXT NOT NULL DEFAULT ''
);
CREATE INDEX mails_by_due ON mails (due_ms);
