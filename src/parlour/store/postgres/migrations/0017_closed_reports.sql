-- As migration 0025 of the engine on SQLite.
ALTER TABLE reports ADD COLUMN closed_ms BIGINT NOT NULL DEFAULT 0;
UPDATE reports SET closed_ms = (extract(epoch FROM now()) * 1000)::bigint WHERE state = 'closed';
CREATE INDEX reports_by_end ON reports (closed_ms);
