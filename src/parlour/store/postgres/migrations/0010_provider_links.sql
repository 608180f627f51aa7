-- Which account of a sign-in provider (its issuer and its subject there) is which account here: one of each provider.
CREATE TABLE provider_links (
  issuer TEXT COLLATE "C" NOT NULL,
  subject TEXT COLLATE "C" NOT NULL,
  account TEXT COLLATE "C" NOT NULL,
  made_ms BIGINT NOT NULL,
  PRIMARY KEY (issuer, subject)
);
CREATE UNIQUE INDEX provider_links_by_account ON provider_links (account, issuer);
