-- What is kept for some days of the passes of links that have ended: whoever comes back with one is told so. `hash` is
-- that of the pass, `rooms` are those of the link.
CREATE TABLE ended_passes (
  hash TEXT PRIMARY KEY,
  rooms TEXT NOT NULL,
  ended_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX ended_passes_by_end ON ended_passes (ended_ms);
