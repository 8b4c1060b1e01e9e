-- Rows of several kinds, with texts that COPY has to escape.
INSERT INTO users (email, username, role, created_at)
    SELECT format('user%s@example.org', n), 'user' || n, 'premium', '2026-01-01'::timestamptz + n * interval '1 s'
    FROM generate_series(1, 500) AS n;
INSERT INTO tracks (user_id, title, artist, file_path, tags)
    SELECT id, E'tab\there, back\\slash, \\.\nline ' || username, 'Ünïcødé ' || username, '/' || username,
        ARRAY['a"b', 'NULL', 'c,d'] FROM users;
INSERT INTO track_plays (track_id, user_id, duration_ms, source)
    SELECT id, user_id, n, 'test' FROM tracks CROSS JOIN generate_series(1, 40) AS n;
INSERT INTO playlists (user_id, title) SELECT id, 'Copy me' FROM users LIMIT 10;
