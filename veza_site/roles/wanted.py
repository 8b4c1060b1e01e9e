"""What each role must have: grants, settings, attributes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin

from veza_core.counters import counting
from veza_core.secret_columns import SECRET_COLUMNS

#: A privilege: schema, table (empty: the schema itself), column (empty: the whole table), word.
type Grant = tuple[str, str, str, str]
type GrantedColumns = Mapping[tuple[str, str], list[str]]

#: What staff and their sign-in change, by table, in addition to `SOFT_DELETED`. The triggers set
#: `updated_at`, but Django names it when it saves a model.
WRITTEN_COLUMNS: dict[str, frozenset[str]] = {
    "users": frozenset({
        "email", "is_banned", "is_active", "is_verified", "token_version", "locked_until",
        "failed_login_count", "last_login_at", "password_hash", "updated_at",
    }),
    "user_sessions": frozenset({"revoked_at"}),
    "refresh_tokens": frozenset({"revoked_at"}),
    "email_verification_tokens": frozenset({"used_at"}),
    "password_reset_tokens": frozenset({"used_at"}),
    "user_roles": frozenset({"expires_at", "assigned_by_id", "updated_at"}),
    "hls_transcode_queue": frozenset({
        "status", "priority", "attempt_count", "locked_by", "locked_at", "run_after", "started_at",
        "completed_at", "error_message",
    }),
}  # fmt: skip
#: For the tables whose screens delete and restore rows.
SOFT_DELETED = frozenset({"deleted_at", "updated_at"})
#: Tables into which staff insert.
INSERTED = ("user_roles",)
#: Columns that the sign-in and the search box compare, and that no page shows: password hashes, and
#: hashes of tokens that somebody has in full. Tokens of federated identities are not among them.
COMPARED = {
    table: columns for table, columns in SECRET_COLUMNS.items() if table != "federated_identities"
}

#: Apps of Django and others whose rows the site inserts, changes and deletes.
OWN_APPS = ("otp_static", "otp_totp", "sessions")
ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE")
#: Tables that only commands write, which run as the owner.
RECORDED = ("veza_site_jobrun",)


@dataclass(frozen=True, slots=True)
class RoleKind:
    """The purpose of a login role."""

    #: The setting that names the role in a URL.
    setting: str
    #: This comment marks a role as ours. Only such roles are changed.
    comment: str
    grants: Callable[[GrantedColumns], set[Grant]]
    read_only: bool

    def settings(self) -> dict[str, str]:
        """The settings of every session of the role in this database."""
        timeout = round(settings.SUPPORT_STATEMENT_TIMEOUT * 1000)
        limits = {
            "statement_timeout": f"{timeout}ms",
            "lock_timeout": "2000ms",
            "idle_in_transaction_session_timeout": "60000ms",
        }
        return {"default_transaction_read_only": "on", **limits} if self.read_only else limits


@dataclass(frozen=True, slots=True)
class LoginRole:
    """A role from a URL; `password` may be empty (trust, peer, a client certificate)."""

    kind: RoleKind
    name: str
    password: str
    database: str


def reader_grants(columns: GrantedColumns) -> set[Grant]:
    """The tables that the admin shows, each without its columns with secrets."""
    grants: set[Grant] = {("public", "", "", "USAGE"), ("django", "", "", "USAGE")}
    for schema, table in tables():
        if secrets := SECRET_COLUMNS.get(table):
            readable = [name for name in columns[schema, table] if name not in secrets]
            grants |= {(schema, table, column, "SELECT") for column in readable}
        else:
            grants.add((schema, table, "", "SELECT"))
    return grants


def writer_grants(columns: GrantedColumns) -> set[Grant]:
    """What the site's own process needs: what is shown, what staff change, and its own tables."""
    grants = reader_grants(columns)
    grants |= {
        ("public", table, column, "SELECT") for table, names in COMPARED.items() for column in names
    }
    grants |= {
        ("public", table, column, "UPDATE")
        for table, names in written_columns().items()
        for column in names
    }
    grants |= {("public", table, "", "INSERT") for table in INSERTED}
    for table in _tables_of(*OWN_APPS):
        grants |= {("django", table, "", word) for word in ROWS}
    for table in _tables_of("veza_site"):
        only_read = (*RECORDED, *settings.APPEND_ONLY_TABLES)
        words = ("SELECT",) if table in only_read else ROWS
        grants |= {("django", table, "", word) for word in words}
    # Without the key, because entries come in its order.
    grants |= {
        ("django", table, column, "INSERT")
        for table in settings.APPEND_ONLY_TABLES
        for column in columns["django", table]
        if column != "id"
    }
    # Which migrations are applied, and the names of models.
    grants |= {("django", name, "", "SELECT") for name in ("django_migrations",
                                                          "django_content_type")}  # fmt: skip
    return grants


READER = RoleKind(
    "DATABASE_SUPPORT_URL",
    "The support admin reads with it: manage.py sync_roles manages it",
    reader_grants,
    read_only=True,
)
WRITER = RoleKind(
    "DATABASE_WEB_URL",
    "The site writes with it: manage.py sync_roles manages it",
    writer_grants,
    read_only=False,
)
KINDS = (READER, WRITER)


def written_columns() -> dict[str, frozenset[str]]:
    """What staff change, by table, from the actions of the screens."""
    import_module(settings.ROOT_URLCONF)
    site: Any = admin.site
    columns = dict(WRITTEN_COLUMNS)
    for screen in site.screens():
        if any("deleted_at" in action.watched for action in screen.row_actions):
            table = screen.opts.db_table
            columns[table] = columns.get(table, frozenset()) | SOFT_DELETED
            # Counters that change with these rows.
            for counted, counter in counting(table):
                columns[counted] = columns.get(counted, frozenset()) | {counter.column}
    return columns


def tables() -> list[tuple[str, str]]:
    """Schema and name of every table that the admin shows."""
    shown = [("public", table) for table in _tables_of(*settings.PUBLIC_SCHEMA_APPS)]
    own = set(_tables_of("veza_site")) - set(settings.SIGN_IN_TABLES)
    return sorted([*shown, *(("django", table) for table in own)])


def _tables_of(*labels: str) -> list[str]:
    models = apps.get_models()
    return [model._meta.db_table for model in models if model._meta.app_label in labels]
