-- How far each follower of the log of commits (the rows of events with the room number 0) has come.
CREATE TABLE cursors (
  follower TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the follower `retention` knows of rooms: the time of an event that can be dropped once it has expired. A room
-- that has its newest event only is not here.
CREATE TABLE oldest (
  room_no INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX oldest_by_time ON oldest (at_ms);
