-- The rooms of old clients. The new chat is in schema chat, which does not belong to this project.

-- name: Room :one
-- index: rooms_pkey
SELECT id, creator_id, name, description, is_private, max_members
FROM rooms WHERE id = $1 AND deleted_at IS NULL;

-- name: NewestRooms :many
-- index: idx_rooms_created_at
SELECT id, creator_id, name, description, max_members, created_at
FROM rooms WHERE NOT is_private AND deleted_at IS NULL ORDER BY created_at DESC LIMIT 50;

-- name: RoomsByName :many
-- index: idx_rooms_name
SELECT id, creator_id, name, description, max_members
FROM rooms WHERE name = $1 AND NOT is_private AND deleted_at IS NULL
ORDER BY created_at LIMIT 50;

-- name: CreateRoom :one
-- index: none
INSERT INTO rooms (creator_id, name, description, is_private) VALUES ($1, $2, $3, $4)
RETURNING id, created_at;

-- name: DeleteRoom :execrows
-- index: rooms_pkey
UPDATE rooms SET deleted_at = CURRENT_TIMESTAMP
WHERE id = $1 AND creator_id = $2 AND deleted_at IS NULL;
