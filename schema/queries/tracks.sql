-- Tracks: find, list and publish them. Lists contain tracks that are public themselves; for their
-- owners, run HiddenOwners (docs/services.md).

-- name: TrackBySlug :one
-- For any caller: the service compares status, is_public and user_id. owner_is_live is false if the
-- owner is banned, deactivated or deleted: then nobody may see the track.
-- index: idx_tracks_slug, users_pkey
SELECT tracks.id, tracks.user_id, tracks.title, tracks.slug, tracks.artist, tracks.album,
       tracks.genre, tracks.release_year, tracks.tags, tracks.duration_ms, tracks.cover_art_path,
       tracks.waveform_path, tracks.status, tracks.is_public, tracks.published_at,
       tracks.play_count, tracks.like_count, tracks.comment_count, tracks.created_at,
       (users.is_active AND NOT users.is_banned AND users.deleted_at IS NULL)::boolean
           AS owner_is_live
FROM tracks JOIN users ON users.id = tracks.user_id
WHERE tracks.slug = $1 AND tracks.deleted_at IS NULL;

-- name: NewestTracks :many
-- The first page.
-- index: idx_tracks_created_at
SELECT id, user_id, title, slug, artist, genre, duration_ms, play_count, like_count, created_at
FROM tracks WHERE status = 'ready' AND is_public AND deleted_at IS NULL
ORDER BY created_at DESC, id DESC LIMIT 50;

-- name: NewestTracksAfter :many
-- The page after the row ($1, $2). Keep $1 with its microseconds: docs/services.md, Cursors.
-- index: idx_tracks_created_at
SELECT id, user_id, title, slug, artist, genre, duration_ms, play_count, like_count, created_at
FROM tracks WHERE status = 'ready' AND is_public AND deleted_at IS NULL
  AND (created_at, id) < ($1, $2)
ORDER BY created_at DESC, id DESC LIMIT 50;

-- name: TracksOfUser :many
-- The owner's own tracks, in every status.
-- index: idx_tracks_user_id_created_at
SELECT id, user_id, title, slug, artist, genre, duration_ms, play_count, like_count, created_at
FROM tracks WHERE user_id = $1 AND deleted_at IS NULL ORDER BY created_at DESC LIMIT 50;

-- name: NewestTracksOfGenre :many
-- index: idx_tracks_genre_created_at
SELECT id, user_id, title, slug, artist, genre, duration_ms, play_count, like_count, created_at
FROM tracks WHERE genre = $1 AND status = 'ready' AND is_public AND deleted_at IS NULL
ORDER BY created_at DESC LIMIT 50;

-- name: TopTracks :many
-- The most played tracks of seven days, as manage.py count_weekly_plays counted them.
-- index: idx_tracks_weekly_play_count
SELECT weekly_play_count, id, title, artist FROM tracks
WHERE weekly_play_count > 0 AND status = 'ready' AND is_public AND deleted_at IS NULL
ORDER BY weekly_play_count DESC LIMIT 50;

-- name: SearchTracks :many
-- Of the newest 500 tracks, those with the text anywhere in the title; and of all tracks, those
-- that have it from one of the first four words on, 20 for each word. The newest of these are
-- returned. Each part has its own limit. It compares ranges and does not use LIKE, which would need
-- a plan for each text.
-- index: idx_tracks_created_at, idx_tracks_title_word1, idx_tracks_title_word2, idx_tracks_title_word3, idx_tracks_title_word4
WITH newest AS (
    SELECT id, user_id, title, slug, artist, genre, duration_ms, play_count, like_count, created_at
    FROM tracks WHERE status = 'ready' AND is_public AND deleted_at IS NULL
    ORDER BY created_at DESC LIMIT 500
), found AS (
    (SELECT * FROM newest WHERE strpos(upper(title), upper($1::text)) > 0 LIMIT 20)
    UNION ALL
    (SELECT id, user_id, title, slug, artist, genre, duration_ms, play_count, like_count,
            created_at
     FROM tracks
     WHERE upper(title) ~>=~ upper($1::text)
       AND upper(title) ~<~ (upper($1::text) || chr(1114111))
       AND status = 'ready' AND is_public AND deleted_at IS NULL
     ORDER BY upper(title) USING ~<~ LIMIT 20)
    UNION ALL
    (SELECT id, user_id, title, slug, artist, genre, duration_ms, play_count, like_count,
            created_at
     FROM tracks
     WHERE upper(substring(title, '^(?:\S+\s+){1}(.+)$')) ~>=~ upper($1::text)
       AND upper(substring(title, '^(?:\S+\s+){1}(.+)$')) ~<~ (upper($1::text) || chr(1114111))
       AND status = 'ready' AND is_public AND deleted_at IS NULL
     ORDER BY upper(substring(title, '^(?:\S+\s+){1}(.+)$')) USING ~<~ LIMIT 20)
    UNION ALL
    (SELECT id, user_id, title, slug, artist, genre, duration_ms, play_count, like_count,
            created_at
     FROM tracks
     WHERE upper(substring(title, '^(?:\S+\s+){2}(.+)$')) ~>=~ upper($1::text)
       AND upper(substring(title, '^(?:\S+\s+){2}(.+)$')) ~<~ (upper($1::text) || chr(1114111))
       AND status = 'ready' AND is_public AND deleted_at IS NULL
     ORDER BY upper(substring(title, '^(?:\S+\s+){2}(.+)$')) USING ~<~ LIMIT 20)
    UNION ALL
    (SELECT id, user_id, title, slug, artist, genre, duration_ms, play_count, like_count,
            created_at
     FROM tracks
     WHERE upper(substring(title, '^(?:\S+\s+){3}(.+)$')) ~>=~ upper($1::text)
       AND upper(substring(title, '^(?:\S+\s+){3}(.+)$')) ~<~ (upper($1::text) || chr(1114111))
       AND status = 'ready' AND is_public AND deleted_at IS NULL
     ORDER BY upper(substring(title, '^(?:\S+\s+){3}(.+)$')) USING ~<~ LIMIT 20)
)
SELECT DISTINCT ON (created_at, id) id, user_id, title, slug, artist, genre, duration_ms,
       play_count, like_count, created_at
FROM found ORDER BY created_at DESC, id DESC LIMIT 20;

-- name: CreateTrack :one
-- An upload begins: status is uploading.
-- index: none
INSERT INTO tracks (user_id, title, slug, artist, album, genre, file_path, is_public)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id, status, created_at;

-- name: MoveTrack :execrows
-- From one status to the next, for a caller who saw it in status $2: 0 rows mean that somebody else
-- was faster. published_at is set when it is ready for the first time.
-- index: tracks_pkey
UPDATE tracks SET status = $3, published_at = CASE WHEN $3 = 'ready'::track_status
    THEN coalesce(published_at, (SELECT CURRENT_TIMESTAMP)) ELSE published_at END
WHERE id = $1 AND status = $2 AND deleted_at IS NULL;

-- name: DeleteTrack :execrows
-- Soft deletion by its owner. Rows that refer to it stay: statements that reach a track through
-- another table check the track's own deleted_at.
-- index: tracks_pkey
UPDATE tracks SET deleted_at = CURRENT_TIMESTAMP
WHERE id = $1 AND user_id = $2 AND deleted_at IS NULL;

-- name: AddTrackVersion :one
-- The next version of a track. If two callers run it at the same time, the second one gets 23505 on
-- idx_track_versions_track_id_version_number, and must try again.
-- index: idx_track_versions_track_id_version_number
INSERT INTO track_versions (track_id, created_by_id, version_number, file_path, file_size, changelog)
SELECT $1, $2, coalesce(max(version_number), 0) + 1, $3, $4, $5
FROM track_versions WHERE track_id = $1 AND deleted_at IS NULL
RETURNING id, version_number;

-- name: RecordTrackChange :exec
-- index: none
INSERT INTO track_history (track_id, user_id, action, old_value, new_value)
VALUES ($1, $2, $3, $4, $5);

-- name: CreateShare :one
-- index: none
INSERT INTO track_shares (track_id, user_id, token_hash, permission, expires_at)
VALUES ($1, $2, $3, $4, $5) RETURNING id;

-- name: ShareByToken :one
-- index: idx_track_shares_token_hash, tracks_pkey
SELECT track_shares.track_id, track_shares.permission, tracks.title
FROM track_shares JOIN tracks ON tracks.id = track_shares.track_id
WHERE track_shares.token_hash = $1 AND track_shares.deleted_at IS NULL
  AND tracks.deleted_at IS NULL
  AND (track_shares.expires_at IS NULL OR track_shares.expires_at > CURRENT_TIMESTAMP);

-- name: CountShareAccess :exec
-- index: idx_track_shares_token_hash
UPDATE track_shares SET access_count = access_count + 1
WHERE token_hash = $1 AND deleted_at IS NULL;
