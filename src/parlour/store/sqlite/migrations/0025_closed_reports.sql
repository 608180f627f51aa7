-- When a report was closed, in milliseconds since 1970; 0 for one that is open. It is kept for some time from then on, and
-- those that were closed before from now on.
ALTER TABLE reports ADD COLUMN closed_ms INTEGER NOT NULL DEFAULT 0;
UPDATE reports SET closed_ms = unixepoch() * 1000 WHERE state = 'closed';
CREATE INDEX reports_by_end ON reports (closed_ms);
