-- As migration 0028 of the engine on SQLite.
ALTER TABLE passes ADD COLUMN was_in INTEGER NOT NULL DEFAULT 0;
UPDATE passes SET was_in = 1 WHERE state = 'in';
DELETE FROM ended_passes;
