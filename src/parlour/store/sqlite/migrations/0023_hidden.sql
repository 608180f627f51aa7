-- Whether an account is shown to others while it is there.
ALTER TABLE accounts ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;
