"""Group 1: sign-in, tokens and permissions."""

from benchmarks.queries.query import Query
from benchmarks.queries.statements import sql

QUERIES = [
    Query(
        name="sign-in by e-mail",
        group=1,
        sql=sql("UserByEmail"),
        sample="SELECT email FROM {some:users} WHERE deleted_at IS NULL",
    ),
    Query(
        name="user by username",
        group=1,
        sql=sql("UserByUsername"),
        sample="SELECT username FROM {some:users} WHERE deleted_at IS NULL",
    ),
    Query(
        name="refresh token by hash",
        group=1,
        sql=sql("RefreshTokenByHash"),
        sample="SELECT token_hash FROM {some:refresh_tokens}",
    ),
    Query(
        name="live sessions of a user",
        group=1,
        sql=sql("LiveSessionsOfUser"),
        sample="SELECT user_id FROM {some:user_sessions}",
    ),
    Query(
        name="permissions of a user",
        group=1,
        sql=sql("PermissionsOfUser"),
        sample="SELECT user_id FROM {some:user_sessions}",
    ),
]
