-- What policy events have changed of a room (core/policy.py): the fold of its events, as of policy_seq.
ALTER TABLE rooms ADD COLUMN title TEXT NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN topic TEXT NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN read_only INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN history TEXT NOT NULL DEFAULT 'all';
CREATE INDEX rooms_with_policy ON rooms (policy_seq) WHERE policy_seq > 0;

-- `since` is the seq of the event with which the account came.
CREATE TABLE members (
  room_no INTEGER NOT NULL,
  account TEXT NOT NULL,
  role TEXT NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (room_no, account)
) STRICT, WITHOUT ROWID;

-- An invitation may lead into a room, and make no account (role 'none'). A token may be for some rooms only: their names
-- with spaces between them, empty for all.
ALTER TABLE invitations ADD COLUMN room TEXT;
ALTER TABLE sign_ins ADD COLUMN rooms TEXT NOT NULL DEFAULT '';
