-- When the next digest of what is unread is due for an account that wants one; null for who wants none.
ALTER TABLE emails ADD COLUMN digest_ms BIGINT;
CREATE INDEX emails_by_digest ON emails (digest_ms) WHERE digest_ms IS NOT NULL;
