-- Into which rooms a guest link leads: those into one room are found without a look at all links.
CREATE TABLE guest_link_rooms (
  room TEXT NOT NULL,
  link TEXT NOT NULL,
  PRIMARY KEY (room, link)
) STRICT, WITHOUT ROWID;
CREATE INDEX guest_link_rooms_by_link ON guest_link_rooms (link);
INSERT INTO guest_link_rooms (room, link)
  SELECT DISTINCT value, guest_links.id FROM guest_links, json_each('["' || replace(rooms, ' ', '","') || '"]');
