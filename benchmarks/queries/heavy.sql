-- Additional rows: one user to delete, with {plays} plays and {tracks} tracks; and a queue so long
-- that workers do not empty it.

WITH heavy AS (
    INSERT INTO users (email, username, slug, created_at)
    VALUES ('heavy@example.com', 'heavy_listener', 'heavy-listener', now() - interval '300 days')
    RETURNING id
), uploads AS (
    INSERT INTO tracks (user_id, title, slug, genre, file_path, status, created_at)
    SELECT heavy.id, 'Heavy ' || n, 'heavy-' || n, 'house', 'tracks/heavy/' || n || '.flac', 'ready',
           now() - interval '200 days' * random()
    FROM heavy, generate_series(1, {tracks}) n
    RETURNING id
)
-- Twenty plays of each of the user's tracks, by users who are not deleted.
INSERT INTO track_plays (track_id, user_id, created_at)
SELECT uploads.id, listener.id, now() - interval '100 days' * random()
FROM uploads, (SELECT id FROM users LIMIT 20) listener;

INSERT INTO track_plays (track_id, user_id, created_at)
SELECT t.id, heavy.id, now() - interval '300 days' * random()
FROM (SELECT id, row_number() OVER () AS n FROM tracks LIMIT {plays}) t
JOIN users heavy ON heavy.email = 'heavy@example.com'
CROSS JOIN generate_series(1, 1 + {plays} / (SELECT least({plays}, count(*)) FROM tracks)) r
LIMIT {plays};

-- Each job has its own version of a track, because a version can have only one waiting job.
WITH waiting AS (
    INSERT INTO track_versions (track_id, version_number, file_path)
    SELECT id, 1000 + n, 'tracks/heavy/version.flac'
    FROM tracks CROSS JOIN generate_series(1, 1 + {jobs} / (SELECT count(*)::int FROM tracks)) n
    LIMIT {jobs}
    RETURNING id, track_id
)
INSERT INTO hls_transcode_queue (track_id, track_version_id, priority, created_at, run_after)
SELECT track_id, id, 1 + (10 * random() ^ 2)::int % 10, now() - interval '1 day' * random(),
       now() - interval '1 day'
FROM waiting;

-- A hundred playlists of 500 tracks, one each for the first users.
WITH long AS (
    INSERT INTO playlists (user_id, title, slug, created_at)
    SELECT id, 'Long ' || n, 'long-' || n, now() - interval '1 day'
    FROM (SELECT id, row_number() OVER (ORDER BY created_at, id) AS n FROM users) u WHERE n <= 100
    RETURNING id
)
INSERT INTO playlist_tracks (playlist_id, track_id, position, created_at)
SELECT long.id, t.id, t.n - 1, now() - interval '1 day'
FROM long,
     (SELECT id, row_number() OVER () AS n FROM (SELECT id FROM tracks LIMIT 500) s) t;

-- Tokens to purge, in the order in which they were issued.
INSERT INTO refresh_tokens (user_id, token_hash, expires_at, created_at)
SELECT u.id, md5(random()::text) || md5(random()::text),
       now() - interval '60 days' * (1 - n / {tokens}::float8) - interval '1 day',
       now() - interval '60 days' * (1 - n / {tokens}::float8) - interval '31 days'
FROM generate_series(1, {tokens}) n
JOIN (SELECT id, row_number() OVER () - 1 AS m, count(*) OVER () AS total FROM users) u
    ON u.m = n % u.total
ORDER BY n;
