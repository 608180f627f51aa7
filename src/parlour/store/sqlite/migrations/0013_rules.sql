-- What few rooms have, as JSON: who is muted or banned there. Empty where there is nothing of it.
ALTER TABLE rooms ADD COLUMN rules TEXT NOT NULL DEFAULT '';
