-- Playlists, their tracks, followers and collaborators. A statement that changes the tracks of a
-- playlist first locks the playlist's row, FOR NO KEY UPDATE: changes wait for each other, but
-- readers and new followers do not wait.

-- name: PlaylistBySlug :one
-- index: idx_playlists_slug, users_pkey
SELECT playlists.id, playlists.user_id, playlists.title, playlists.slug, playlists.description,
       playlists.cover_url, playlists.is_public, playlists.track_count, playlists.follower_count,
       (users.is_active AND NOT users.is_banned AND users.deleted_at IS NULL)::boolean
           AS owner_is_live
FROM playlists JOIN users ON users.id = playlists.user_id
WHERE playlists.slug = $1 AND playlists.deleted_at IS NULL;

-- name: TracksOfPlaylist :many
-- The service has already checked the caller's permission for the playlist.
-- index: idx_playlist_tracks_playlist_id_position, tracks_pkey
SELECT playlist_tracks.position, tracks.id, tracks.title, tracks.artist,
       tracks.duration_ms
FROM playlist_tracks JOIN tracks ON tracks.id = playlist_tracks.track_id
WHERE playlist_tracks.playlist_id = $1 AND playlist_tracks.deleted_at IS NULL
  AND tracks.deleted_at IS NULL
ORDER BY playlist_tracks.position LIMIT 100;

-- name: PlaylistsOfUser :many
-- index: idx_playlists_user_id_created_at
SELECT playlists.id, playlists.user_id, playlists.title, playlists.slug,
       playlists.track_count, playlists.follower_count
FROM playlists
WHERE user_id = $1 AND deleted_at IS NULL ORDER BY created_at DESC LIMIT 50;

-- name: PlaylistsFollowedByUser :many
-- index: idx_playlist_follows_user_id_created_at, playlists_pkey
SELECT playlists.id, playlists.user_id, playlists.title, playlists.slug,
       playlists.track_count, playlists.follower_count
FROM playlist_follows JOIN playlists ON playlists.id = playlist_follows.playlist_id
WHERE playlist_follows.user_id = $1 AND playlist_follows.deleted_at IS NULL
  AND playlists.deleted_at IS NULL
ORDER BY playlist_follows.created_at DESC LIMIT 50;

-- name: PlaylistsSharedWithUser :many
-- The playlists of which the user is a collaborator.
-- index: idx_playlist_collaborators_user_id_created_at, playlists_pkey
SELECT playlists.id, playlists.user_id, playlists.title, playlists.slug,
       playlists.track_count, playlists.follower_count, playlist_collaborators.permission
FROM playlist_collaborators
JOIN playlists ON playlists.id = playlist_collaborators.playlist_id
WHERE playlist_collaborators.user_id = $1 AND playlist_collaborators.deleted_at IS NULL
  AND playlists.deleted_at IS NULL
ORDER BY playlist_collaborators.created_at DESC LIMIT 50;

-- name: CreatePlaylist :one
-- index: none
INSERT INTO playlists (user_id, title, slug, description, is_public)
VALUES ($1, $2, $3, $4, $5) RETURNING id, created_at;

-- name: DeletePlaylist :execrows
-- index: playlists_pkey
UPDATE playlists SET deleted_at = CURRENT_TIMESTAMP
WHERE id = $1 AND user_id = $2 AND deleted_at IS NULL;

-- name: LockPlaylist :one
-- The first statement in the transaction of AddPlaylistTrack, RemovePlaylistTrack and
-- ReorderPlaylist.
-- index: playlists_pkey
SELECT id FROM playlists WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE;

-- name: AddPlaylistTrack :execrows
-- Adds at the end. 0 rows: the playlist has the track already. Run it after LockPlaylist, as a
-- separate statement, so that it sees what the previous transaction has added.
-- index: idx_playlist_tracks_playlist_id_position, idx_playlist_tracks_track_id_playlist_id, playlists_pkey
WITH added AS (
    INSERT INTO playlist_tracks (playlist_id, track_id, added_by_id, position)
    SELECT $1, $2, $3, coalesce(max(position) + 1, 0)
    FROM playlist_tracks WHERE playlist_id = $1 AND deleted_at IS NULL
    ON CONFLICT (track_id, playlist_id) WHERE deleted_at IS NULL DO NOTHING
    RETURNING playlist_id
)
UPDATE playlists SET track_count = track_count + 1
FROM added WHERE playlists.id = added.playlist_id;

-- name: RemovePlaylistTrack :execrows
-- The later positions do not change: they only give the order, and may have gaps.
-- index: idx_playlist_tracks_track_id_playlist_id, playlists_pkey
WITH removed AS (
    UPDATE playlist_tracks SET deleted_at = CURRENT_TIMESTAMP
    WHERE playlist_tracks.playlist_id = $1 AND playlist_tracks.track_id = $2
      AND playlist_tracks.deleted_at IS NULL RETURNING playlist_tracks.playlist_id
)
UPDATE playlists SET track_count = greatest(track_count - 1, 0)
FROM removed WHERE playlists.id = removed.playlist_id;

-- name: ReorderPlaylist :execrows
-- Puts the tracks $2 in this order, from position 0 on. It locks the playlist before its entries:
-- otherwise two callers would lock entries in different orders, and deadlock.
-- index: playlists_pkey, idx_playlist_tracks_track_id_playlist_id
WITH locked AS MATERIALIZED (
    SELECT playlists.id FROM playlists
    WHERE playlists.id = $1 AND playlists.deleted_at IS NULL FOR NO KEY UPDATE
)
UPDATE playlist_tracks SET position = new.position - 1
FROM locked, unnest($2::uuid[]) WITH ORDINALITY AS new (track_id, position)
WHERE playlist_tracks.playlist_id = locked.id AND playlist_tracks.track_id = new.track_id
  AND playlist_tracks.deleted_at IS NULL;

-- name: FollowPlaylist :execrows
-- 0 rows: followed already.
-- index: idx_playlist_follows_user_id_playlist_id, playlists_pkey
WITH followed AS (
    INSERT INTO playlist_follows (user_id, playlist_id) VALUES ($1, $2)
    ON CONFLICT (user_id, playlist_id) WHERE deleted_at IS NULL DO NOTHING
    RETURNING playlist_id
)
UPDATE playlists SET follower_count = follower_count + 1
FROM followed WHERE playlists.id = followed.playlist_id;

-- name: UnfollowPlaylist :execrows
-- index: idx_playlist_follows_user_id_playlist_id, playlists_pkey
WITH unfollowed AS (
    UPDATE playlist_follows SET deleted_at = CURRENT_TIMESTAMP
    WHERE playlist_follows.user_id = $1 AND playlist_follows.playlist_id = $2
      AND playlist_follows.deleted_at IS NULL RETURNING playlist_follows.playlist_id
)
UPDATE playlists SET follower_count = greatest(follower_count - 1, 0)
FROM unfollowed WHERE playlists.id = unfollowed.playlist_id;

-- name: SaveCollaborator :one
-- Invite somebody, or change their permission.
-- index: idx_playlist_collaborators_playlist_id_user_id
INSERT INTO playlist_collaborators (playlist_id, user_id, invited_by_id, permission)
VALUES ($1, $2, $3, $4)
ON CONFLICT (playlist_id, user_id) WHERE deleted_at IS NULL
DO UPDATE SET permission = EXCLUDED.permission RETURNING id;
