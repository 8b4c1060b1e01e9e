"""The columns that nothing of this project shows, exports, logs or searches by."""

#: Table to columns. The admin defers them, and the login role that it reads over
#: (`manage.py sync_roles`) has no grant on them.
SECRET_COLUMNS: dict[str, frozenset[str]] = {
    "users": frozenset({"password_hash"}),
    "federated_identities": frozenset({"access_token", "refresh_token"}),
    "refresh_tokens": frozenset({"token_hash"}),
    "password_reset_tokens": frozenset({"token_hash"}),
    "email_verification_tokens": frozenset({"token_hash"}),
    "user_sessions": frozenset({"token_hash"}),
    "track_shares": frozenset({"token_hash"}),
}
