-- A digest of the cookie with which the browser of a pass came in, empty for none: a ban of who had that cookie holds for
-- the pass, too. Of passes that are there already it is not known.
ALTER TABLE passes ADD COLUMN browser TEXT NOT NULL DEFAULT '';
