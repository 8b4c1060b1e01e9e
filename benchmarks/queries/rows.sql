-- Rows for the queries' tables, {users} users and what goes with them, in order of time; as on a
-- platform, a few users and tracks have most of everything. Adds to what is there.

SELECT setseed(0.25);

-- Ordinals, to pick rows by: a power of random() prefers the first ones.
CREATE TEMP TABLE u AS
SELECT n, gen_random_uuid() AS id,
       now() - interval '400 days' * (1 - n / {users}::float8) AS at
FROM generate_series(1, {users}) n;
CREATE TEMP TABLE t AS
SELECT n, gen_random_uuid() AS id, 1 + floor({users} * random() ^ 2)::int AS owner,
       now() - interval '390 days' * (1 - n / {tracks}::float8) AS at
FROM generate_series(1, {tracks}) n;
CREATE TEMP TABLE p AS
SELECT n, gen_random_uuid() AS id, 1 + floor({users} * random() ^ 2)::int AS owner,
       now() - interval '380 days' * (1 - n / {users}::float8) AS at
FROM generate_series(1, {users}) n;
CREATE TEMP TABLE s AS
SELECT n, gen_random_uuid() AS id, 1 + floor({users} * random())::int AS owner,
       now() - interval '40 days' * (1 - n / (2.0 * {users})::float8) AS at
FROM generate_series(1, 2 * {users}) n;
CREATE UNIQUE INDEX ON u (n);
CREATE UNIQUE INDEX ON t (n);
CREATE UNIQUE INDEX ON p (n);
CREATE UNIQUE INDEX ON s (n);
ANALYZE u, t, p, s;

INSERT INTO users (id, email, username, slug, password_hash, role, created_at, deleted_at)
SELECT id, 'listener.' || left(id::text, 13) || '@example.com', 'listener_' || left(id::text, 13),
       'listener-' || left(id::text, 13), '$2a$10$' || repeat('x', 53),
       CASE WHEN n % 500 = 0 THEN 'moderator' WHEN n % 20 = 0 THEN 'premium' ELSE 'user'
       END::user_role,
       at, CASE WHEN n % 40 = 0 THEN now() END
FROM u;

INSERT INTO user_roles (user_id, role_id, created_at)
SELECT u.id, roles.id, u.at FROM u JOIN roles ON roles.name = 'moderator' WHERE n % 10 = 0
UNION ALL
SELECT u.id, roles.id, u.at FROM u JOIN roles ON roles.name = 'support' WHERE n % 7 = 0;

INSERT INTO refresh_tokens (user_id, token_hash, expires_at, revoked_at, created_at)
SELECT u.id, md5(random()::text) || md5(random()::text), o.at + interval '30 days',
       CASE WHEN o.n % 3 = 0 THEN o.at + interval '1 day' END, o.at
FROM (SELECT n, 1 + floor({users} * random())::int AS owner,
             now() - interval '90 days' * (1 - n / (3.0 * {users})::float8) AS at
      FROM generate_series(1, 3 * {users}) n) o
JOIN u ON u.n = o.owner ORDER BY o.n;

INSERT INTO user_sessions (id, user_id, token_hash, device_info, last_activity_at, expires_at,
                           revoked_at, created_at)
SELECT s.id, u.id, md5(random()::text) || md5(random()::text), 'phone', s.at + interval '1 hour',
       s.at + interval '30 days', CASE WHEN s.n % 5 = 0 THEN s.at + interval '1 day' END, s.at
FROM s JOIN u ON u.n = s.owner ORDER BY s.n;

INSERT INTO tracks (id, user_id, title, slug, artist, genre, duration_ms, file_path, status,
                    is_public, play_count, created_at, deleted_at)
SELECT t.id, u.id,
       initcap(left(md5(t.id::text), 6) || ' ' || (ARRAY['love', 'night', 'river', 'blue', 'fire',
       'sea', 'moon', 'road'])[1 + t.n % 8] || ' ' || right(md5(t.id::text), 5)),
       'track-' || t.id, 'Artist ' || t.owner,
       CASE WHEN t.n % 50 = 7 THEN 'rare ' || t.n / 50 % 300
            ELSE 'genre ' || floor(30 * random() ^ 2)::int END,
       180000, 'tracks/' || t.id || '.flac',
       CASE WHEN t.n % 25 = 0 THEN 'processing' WHEN t.n % 50 = 1 THEN 'failed' ELSE 'ready'
       END::track_status,
       t.n % 9 <> 0, floor(10000 * random() ^ 8)::bigint, t.at,
       CASE WHEN t.n % 30 = 0 THEN now() END
FROM t JOIN u ON u.n = t.owner ORDER BY t.n;

INSERT INTO playlists (id, user_id, title, slug, is_public, created_at, deleted_at)
SELECT p.id, u.id, 'Playlist ' || p.n, 'playlist-' || p.id, p.n % 4 <> 0, p.at,
       CASE WHEN p.n % 50 = 0 THEN now() END
FROM p JOIN u ON u.n = p.owner ORDER BY p.n;

-- Every hundredth playlist has 500 tracks, the others 6.
INSERT INTO playlist_tracks (playlist_id, track_id, added_by_id, position, created_at)
SELECT p.id, t.id, u.id, o.position, p.at
FROM p
JOIN u ON u.n = p.owner
CROSS JOIN LATERAL generate_series(0, CASE WHEN p.n % 100 = 0 THEN 499 ELSE 5 END) o (position)
JOIN t ON t.n = 1 + (p.n * 7919 + o.position * 104729) % {tracks}
ORDER BY p.n, o.position
ON CONFLICT DO NOTHING;

INSERT INTO playlist_collaborators (playlist_id, user_id, invited_by_id, permission, created_at)
SELECT p.id, u.id, v.id, 'write', p.at
FROM p JOIN u ON u.n = 1 + (p.n * 31) % {users} JOIN u v ON v.n = p.owner WHERE p.n % 5 = 0;

INSERT INTO playlist_follows (playlist_id, user_id, created_at)
SELECT p.id, u.id, greatest(p.at, u.at)
FROM (SELECT 1 + floor({users} * random() ^ 2)::int AS owner,
             1 + floor({users} * random() ^ 4)::int AS playlist
      FROM generate_series(1, 2 * {users})) o
JOIN u ON u.n = o.owner JOIN p ON p.n = o.playlist
ON CONFLICT DO NOTHING;

-- 20 plays a user, one in eight by somebody who is not signed in.
INSERT INTO track_plays (track_id, user_id, started_at, duration_ms, is_complete, source, device,
                         country_code, created_at)
SELECT t.id, CASE WHEN o.n % 8 > 0 THEN u.id END, o.at, 90000, o.n % 2 = 0, 'playlist', 'phone',
       'FR', o.at
FROM (SELECT n, 1 + floor({tracks} * random() ^ 3)::int AS track,
             1 + floor({users} * random() ^ 2)::int AS owner,
             now() - interval '365 days' * (1 - n / (20.0 * {users})::float8) AS at
      FROM generate_series(1, 20 * {users}) n) o
JOIN t ON t.n = o.track JOIN u ON u.n = o.owner ORDER BY o.n;

INSERT INTO track_likes (track_id, user_id, created_at, deleted_at)
SELECT t.id, u.id, o.at, CASE WHEN o.n % 6 = 0 THEN now() END
FROM (SELECT n, 1 + floor({tracks} * random() ^ 3)::int AS track,
             1 + floor({users} * random() ^ 2)::int AS owner,
             now() - interval '365 days' * (1 - n / (5.0 * {users})::float8) AS at
      FROM generate_series(1, 5 * {users}) n) o
JOIN t ON t.n = o.track JOIN u ON u.n = o.owner ORDER BY o.n
ON CONFLICT DO NOTHING;

-- Comments, then as many replies to some of them.
INSERT INTO track_comments (track_id, user_id, content, created_at, deleted_at)
SELECT t.id, u.id, 'What a track, heard it ' || o.n || ' times', o.at,
       CASE WHEN o.n % 50 = 0 THEN now() END
FROM (SELECT n, 1 + floor({tracks} * random() ^ 3)::int AS track,
             1 + floor({users} * random() ^ 2)::int AS owner,
             now() - interval '365 days' * (1 - n / {users}::float8) AS at
      FROM generate_series(1, {users}) n) o
JOIN t ON t.n = o.track JOIN u ON u.n = o.owner ORDER BY o.n;
INSERT INTO track_comments (track_id, user_id, parent_id, content, created_at)
SELECT c.track_id, u.id, c.id, 'So it is', c.created_at + interval '1 hour'
FROM (SELECT *, row_number() OVER (ORDER BY created_at) AS n
      FROM track_comments WHERE parent_id IS NULL) c
JOIN u ON u.n = 1 + (c.n * 31) % {users} WHERE c.n % 2 = 0;

INSERT INTO track_shares (track_id, user_id, token_hash, created_at)
SELECT t.id, u.id, md5(random()::text) || md5(random()::text), t.at
FROM t JOIN u ON u.n = t.owner WHERE t.n % 10 = 0 ORDER BY t.n;

INSERT INTO hls_streams (track_id, playlist_url, segment_count, segment_duration_ms, bitrates,
                         status, created_at)
SELECT id, 'hls/' || id || '/index.m3u8', 30, 6000, '{{96,160,320}}',
       CASE WHEN n % 30 = 0 THEN 'failed' ELSE 'ready' END::hls_stream_status, at
FROM t ORDER BY n;

INSERT INTO hls_transcode_queue (track_id, priority, status, created_at, run_after)
SELECT id, 1 + n % 10,
       CASE WHEN n % 20 = 1 THEN 'pending' WHEN n % 20 = 2 THEN 'failed' ELSE 'completed'
       END::transcode_status, at, at
FROM t ORDER BY n;

INSERT INTO bitrate_adaptation_logs (track_id, user_id, session_id, old_bitrate, new_bitrate,
                                     reason, created_at)
SELECT t.id, u.id, s.id, 160, 320, 'bandwidth', s.at + interval '1 second' * o.n
FROM s JOIN u ON u.n = s.owner CROSS JOIN generate_series(1, 3) o (n)
JOIN t ON t.n = 1 + (s.n * 7919 + o.n) % {tracks} ORDER BY s.n, o.n;

DROP TABLE u, t, p, s;
