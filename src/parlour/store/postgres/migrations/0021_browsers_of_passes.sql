-- As migration 0029 of the engine on SQLite.
ALTER TABLE passes ADD COLUMN browser TEXT NOT NULL DEFAULT '';
