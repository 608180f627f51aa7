-- Events of several types. What is there already are messages, in rooms whose policy nobody has changed.
-- type and ref (the seq of the event that this one is about) repeat what body says.
ALTER TABLE events ADD COLUMN type TEXT NOT NULL DEFAULT 'message';
ALTER TABLE events ADD COLUMN ref INTEGER;

-- The newest policy event of the room (0: none), and what it says: the event itself may be dropped by retention.
ALTER TABLE rooms ADD COLUMN policy_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN access TEXT NOT NULL DEFAULT 'open';
