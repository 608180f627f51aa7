-- Which account of a sign-in provider (its issuer and its subject there) is which account here: one of each provider.
CREATE TABLE provider_links (
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  account TEXT NOT NULL,
  made_ms INTEGER NOT NULL,
  PRIMARY KEY (issuer, subject)
) STRICT;
CREATE UNIQUE INDEX provider_links_by_account ON provider_links (account, issuer);
