-- As migration 0026 of the engine on SQLite.
CREATE TABLE guest_link_rooms (
  room TEXT COLLATE "C" NOT NULL,
  link TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (room, link)
);
CREATE INDEX guest_link_rooms_by_link ON guest_link_rooms (link);
INSERT INTO guest_link_rooms (room, link)
  SELECT DISTINCT unnest(string_to_array(rooms, ' ')), id FROM guest_links;
