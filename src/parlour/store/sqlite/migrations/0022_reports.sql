-- Messages that somebody has reported, by their places, and the notes of who looks at them.
CREATE TABLE reports (
  id TEXT PRIMARY KEY,
  room TEXT NOT NULL,
  seq INTEGER NOT NULL,
  reason TEXT NOT NULL,
  made_by TEXT NOT NULL,
  name TEXT NOT NULL,
  made_ms INTEGER NOT NULL,
  state TEXT NOT NULL
) STRICT;
CREATE INDEX reports_by_state ON reports (state, made_ms);

CREATE TABLE report_notes (
  id TEXT PRIMARY KEY,
  report TEXT NOT NULL,
  made_by TEXT NOT NULL,
  made_ms INTEGER NOT NULL,
  text TEXT NOT NULL
) STRICT;
CREATE INDEX notes_by_report ON report_notes (report);
