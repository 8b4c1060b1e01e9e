-- Additional rows: {roles} roles of teams, each with ten permissions of its own. Each user has one of
-- them. The few roles and permissions that come with the schema would all fit on two pages.

WITH permission AS (
    INSERT INTO permissions (name, resource, action)
    SELECT format('team%s.action%s', team, action), format('team%s', team),
           format('action%s', action)
    FROM generate_series(1, {roles}) team, generate_series(1, 10) action
    RETURNING id, resource
), team AS (
    INSERT INTO roles (name, display_name)
    SELECT format('team%s', n), format('Team %s', n) FROM generate_series(1, {roles}) n
    RETURNING id, name
), given AS (
    INSERT INTO role_permissions (role_id, permission_id)
    SELECT team.id, permission.id FROM team JOIN permission ON resource = team.name
)
INSERT INTO user_roles (user_id, role_id)
SELECT u.id, t.id
FROM (SELECT id, row_number() OVER (ORDER BY created_at, id) AS n FROM users) u
JOIN (SELECT id, row_number() OVER (ORDER BY name) AS n FROM team) t ON t.n = u.n % {roles} + 1;
