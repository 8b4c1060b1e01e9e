-- Plays, likes and comments, and the counters of tracks. A like or comment and its counter change
-- in one statement, so that they always agree.

-- name: RecordPlay :exec
-- index: none
INSERT INTO track_plays (track_id, user_id, duration_ms, is_complete, source, device, ip_address,
                         country_code)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: RecordPlays :execrows
-- Many plays at once.
-- index: none
INSERT INTO track_plays (track_id, user_id, duration_ms)
SELECT unnest($1::uuid[]), unnest($2::uuid[]), $3::integer;

-- name: CountPlay :exec
-- In a separate transaction, as short as possible: all plays of a track wait here for each other.
-- index: tracks_pkey
UPDATE tracks SET play_count = play_count + 1 WHERE id = $1;

-- name: CountPlays :execrows
-- The plays of some seconds together, for popular tracks. It locks the tracks in the order of their
-- ids, so that two batches do not deadlock. A track that appears twice is counted twice.
-- index: tracks_pkey
WITH counted AS (
    SELECT play.track_id, sum(play.plays)::bigint AS plays
    FROM (SELECT unnest($1::uuid[]) AS track_id, unnest($2::bigint[]) AS plays) AS play
    GROUP BY play.track_id
), locked AS MATERIALIZED (
    SELECT tracks.id FROM tracks WHERE tracks.id = ANY($1::uuid[])
    ORDER BY tracks.id FOR NO KEY UPDATE
)
UPDATE tracks SET play_count = play_count + counted.plays
FROM locked JOIN counted ON counted.track_id = locked.id WHERE tracks.id = locked.id;

-- name: NewestPlaysOfUser :many
-- index: idx_track_plays_user_id_created_at, tracks_pkey
SELECT track_plays.created_at, tracks.id, tracks.title, tracks.artist
FROM track_plays JOIN tracks ON tracks.id = track_plays.track_id
WHERE track_plays.user_id = $1 ORDER BY track_plays.created_at DESC LIMIT 50;

-- name: LikeTrack :execrows
-- 0 rows: liked already.
-- index: idx_track_likes_track_id_user_id, tracks_pkey
WITH liked AS (
    INSERT INTO track_likes (user_id, track_id) VALUES ($1, $2)
    ON CONFLICT (track_id, user_id) WHERE deleted_at IS NULL DO NOTHING RETURNING track_id
)
UPDATE tracks SET like_count = like_count + 1 FROM liked WHERE tracks.id = liked.track_id;

-- name: UnlikeTrack :execrows
-- 0 rows: not liked.
-- index: idx_track_likes_track_id_user_id, tracks_pkey
WITH unliked AS (
    UPDATE track_likes SET deleted_at = CURRENT_TIMESTAMP
    WHERE track_likes.user_id = $1 AND track_likes.track_id = $2
      AND track_likes.deleted_at IS NULL RETURNING track_likes.track_id
)
UPDATE tracks SET like_count = greatest(like_count - 1, 0)
FROM unliked WHERE tracks.id = unliked.track_id;

-- name: TracksLikedByUser :many
-- index: idx_track_likes_user_id_created_at, tracks_pkey
SELECT tracks.id, tracks.title, tracks.artist, tracks.duration_ms
FROM track_likes JOIN tracks ON tracks.id = track_likes.track_id
WHERE track_likes.user_id = $1 AND track_likes.deleted_at IS NULL
  AND tracks.deleted_at IS NULL
ORDER BY track_likes.created_at DESC LIMIT 50;

-- name: LikedOfTracks :many
-- Which of a page's tracks the user likes. LIMIT 1 for each: with one condition, PostgreSQL would
-- read all likes of the user.
-- index: idx_track_likes_track_id_user_id
SELECT track.id::uuid AS id FROM unnest($2::uuid[]) AS track (id)
CROSS JOIN LATERAL (
    SELECT 1 FROM track_likes
    WHERE track_likes.track_id = track.id AND track_likes.user_id = $1
      AND track_likes.deleted_at IS NULL LIMIT 1) AS liked;

-- name: NewestComments :many
-- The newest comments of a track, each with its first three replies.
-- index: idx_track_comments_track_id_created_at, users_pkey, idx_track_comments_parent_id_created_at
SELECT comment.id, comment.content, comment.position_ms, comment.created_at,
       author.username, reply.id AS reply_id, reply.content AS reply_content,
       reply.created_at AS reply_created_at, replier.username AS replier
FROM (SELECT top.* FROM track_comments AS top
      WHERE top.track_id = $1 AND top.parent_id IS NULL AND top.deleted_at IS NULL
      ORDER BY top.created_at DESC LIMIT 20) AS comment
JOIN users author ON author.id = comment.user_id
LEFT JOIN LATERAL (SELECT answer.* FROM track_comments AS answer
                   WHERE answer.parent_id = comment.id AND answer.deleted_at IS NULL
                   ORDER BY answer.created_at LIMIT 3) AS reply ON true
LEFT JOIN users replier ON replier.id = reply.user_id
ORDER BY comment.created_at DESC, reply.created_at;

-- name: AddComment :one
-- $3: the comment that it replies to; NULL: none. 23514: that comment is on another track.
-- index: tracks_pkey
WITH added AS (
    INSERT INTO track_comments (track_id, user_id, parent_id, content, position_ms)
    VALUES ($1, $2, $3, $4, $5) RETURNING id, track_id, created_at
)
UPDATE tracks SET comment_count = comment_count + 1
FROM added WHERE tracks.id = added.track_id RETURNING added.id, added.created_at;

-- name: EditComment :execrows
-- index: track_comments_pkey
UPDATE track_comments SET content = $3, is_edited = true
WHERE id = $1 AND user_id = $2 AND deleted_at IS NULL;

-- name: DeleteComment :execrows
-- By its author. Replies stay.
-- index: track_comments_pkey, tracks_pkey
WITH deleted AS (
    UPDATE track_comments SET deleted_at = CURRENT_TIMESTAMP
    WHERE track_comments.id = $1 AND track_comments.user_id = $2
      AND track_comments.deleted_at IS NULL RETURNING track_comments.track_id
)
UPDATE tracks SET comment_count = greatest(comment_count - 1, 0)
FROM deleted WHERE tracks.id = deleted.track_id;
