-- Whether whoever has a pass was ever let in: only who was in a room is told why they are there no more. Of those who had
-- been removed before this it is not known, and they are told nothing.
ALTER TABLE passes ADD COLUMN was_in INTEGER NOT NULL DEFAULT 0;
UPDATE passes SET was_in = 1 WHERE state = 'in';
-- Links that ended before this may have left some who only waited.
DELETE FROM ended_passes;
