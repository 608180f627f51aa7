-- Messages that somebody has reported, by their places, and the notes of who looks at them.
CREATE TABLE reports (
  id TEXT COLLATE "C" PRIMARY KEY,
  room TEXT NOT NULL,
  seq BIGINT NOT NULL,
  reason TEXT NOT NULL,
  made_by TEXT NOT NULL,
  name TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  state TEXT NOT NULL
);
CREATE INDEX reports_by_state ON reports (state, made_ms);

CREATE TABLE report_notes (
  id TEXT COLLATE "C" PRIMARY KEY,
  report TEXT NOT NULL,
  made_by TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX notes_by_report ON report_notes (report);
