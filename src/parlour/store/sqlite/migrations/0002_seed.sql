-- The checksums of events start from the first epoch. That of cursors is another one after a copy was restored.
INSERT INTO meta (name, value) SELECT 'seed', value FROM meta WHERE name = 'epoch';
