-- Who has written last in a room with slow mode: an account, or a digest of a guest.
CREATE TABLE slow_posts (
  room TEXT COLLATE "C" NOT NULL,
  who TEXT COLLATE "C" NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (room, who)
);
