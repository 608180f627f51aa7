-- The chain of the server's log: of each event the SHA-256 of its bytes, and that of the link before and this one.
CREATE TABLE audit_links (
  seq BIGINT PRIMARY KEY,
  digest TEXT NOT NULL,
  hash TEXT NOT NULL
);
