-- As migration 0027 of the engine on SQLite.
ALTER TABLE invitations ADD COLUMN sent_to TEXT NOT NULL DEFAULT '';
ALTER TABLE mails RENAME COLUMN tries TO attempts;
