-- What people say about themselves: a line, a time zone (IANA), a language (BCP 47), and a colour (null: that of the id).
ALTER TABLE accounts ADD COLUMN status TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN time_zone TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN language TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN hue INTEGER;

-- Names that accounts have had. They lead to the account, and nobody else gets them or one that looks like them.
CREATE TABLE former_names (
  name TEXT PRIMARY KEY,
  skeleton TEXT NOT NULL,
  account TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX former_names_by_skeleton ON former_names (skeleton);
CREATE INDEX former_names_by_account ON former_names (account);

-- Accounts that were deleted and are still named in events: `messages` is what becomes of theirs ('kept', 'removed'),
-- `position` the event up to which that is done, `is_changed` whether an event of its room was.
CREATE TABLE deletions (
  account TEXT PRIMARY KEY,
  messages TEXT NOT NULL,
  position INTEGER NOT NULL,
  is_changed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
