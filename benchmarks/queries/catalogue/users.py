"""Group 1: who is it, and what may they do?"""

from benchmarks.queries.query import Query

USER_COLUMNS = """id, email, username, password_hash, role, is_active, is_verified, is_banned,
       token_version, failed_login_count, locked_until"""

QUERIES = [
    Query(
        name="sign-in by e-mail",
        group=1,
        sql=f"SELECT {USER_COLUMNS}\nFROM users WHERE email = $1 AND deleted_at IS NULL",
        sample="SELECT email FROM {some:users} WHERE deleted_at IS NULL",
    ),
    Query(
        name="user by username",
        group=1,
        sql=f"SELECT {USER_COLUMNS}\nFROM users WHERE username = $1 AND deleted_at IS NULL",
        sample="SELECT username FROM {some:users} WHERE deleted_at IS NULL",
    ),
    Query(
        name="refresh token by hash",
        group=1,
        sql="""SELECT id, user_id, expires_at, revoked_at
FROM refresh_tokens WHERE token_hash = $1""",
        sample="SELECT token_hash FROM {some:refresh_tokens}",
    ),
    Query(
        name="live sessions of a user",
        group=1,
        sql="""SELECT id, device_info, ip_address, user_agent, last_activity_at
FROM user_sessions
WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > CURRENT_TIMESTAMP
ORDER BY last_activity_at DESC LIMIT 20""",
        sample="SELECT user_id FROM {some:user_sessions}",
    ),
    Query(
        name="permissions of a user",
        group=1,
        sql="""SELECT DISTINCT permissions.name
FROM user_roles
JOIN role_permissions ON role_permissions.role_id = user_roles.role_id
JOIN permissions ON permissions.id = role_permissions.permission_id
WHERE user_roles.user_id = $1
  AND (user_roles.expires_at IS NULL OR user_roles.expires_at > CURRENT_TIMESTAMP)""",
        sample="SELECT user_id FROM {some:user_sessions}",
    ),
]
