-- Who has written last in a room with slow mode: an account, or a digest of a guest.
CREATE TABLE slow_posts (
  room TEXT NOT NULL,
  who TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (room, who)
) STRICT, WITHOUT ROWID;
