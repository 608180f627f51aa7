-- As migration 0024 of the engine on SQLite.
CREATE TABLE ended_passes (
  hash TEXT COLLATE "C" PRIMARY KEY,
  rooms TEXT NOT NULL,
  ended_ms BIGINT NOT NULL
);
CREATE INDEX ended_passes_by_end ON ended_passes (ended_ms);
