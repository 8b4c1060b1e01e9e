"""Governance: which objects belong in `public`, and who owns them (Standard, rules 5 and 9)."""

from collections import Counter
from collections.abc import Iterator

from veza_core.db.operations import EXTENSIONS, LEGACY_EXTENSIONS
from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.expected import expected_tables
from veza_core.schema.audit.objects import Table
from veza_core.schema.audit.rule import GOVERNANCE, Fix, Found, Stage
from veza_core.schema.quoting import ident

PUBLIC = "public"


@GOVERNANCE.error(
    "table-missing",
    "Missing table",
    reason="The services need all tables that the migrations create.",
    remedy="Run manage.py migrate. If its history says that the migration was applied, restore "
    "the table from a backup.",
    bad="DROP TABLE IF EXISTS rooms;",
    good="CREATE TABLE rooms (id uuid PRIMARY KEY DEFAULT gen_random_uuid());",
    example="public.rooms",
)
def table_missing(catalog: Catalog) -> Iterator[Found]:
    """It is checked only if schema `public` is audited."""
    if PUBLIC in catalog.schemas:
        for name in sorted(expected_tables()):
            if (PUBLIC, name) not in catalog.by_name:
                yield Found(None, f"{PUBLIC}.{name}", f"table {ident(name)} is missing")


@GOVERNANCE.error(
    "table-unexpected",
    "Table that does not belong in public",
    reason="public contains only the tables that the migrations create. No migration changes "
    "other tables, and the next reset drops them. Django's tables are in schema django, and other "
    "services have their own schemas.",
    remedy="Move it to its owner's schema (ALTER TABLE … SET SCHEMA), in the same release as its "
    "clients. Or create it in a migration (see CONTRIBUTING.md), and run make schema.",
    bad="CREATE TABLE invoices (id uuid PRIMARY KEY);",
    good="CREATE SCHEMA billing;\nCREATE TABLE billing.invoices (id uuid PRIMARY KEY);",
    example="public.invoices",
)
def table_unexpected(catalog: Catalog) -> Iterator[Found]:
    """Views and foreign tables are reported too. A partition belongs to its parent, in whatever
    schema the parent is.
    """
    expected = expected_tables()
    for table in catalog.tables:
        if table.schema == PUBLIC and table.name not in expected:
            message = f"no migration creates table {ident(table.name)}"
            yield Found(table, table.identity, message)
    for thing in catalog.things:
        if thing.is_partition:
            continue
        if thing.schema == PUBLIC and thing.kind in ("VIEW", "MATERIALIZED VIEW", "FOREIGN TABLE"):
            message = f"no migration creates {thing.kind.lower()} {ident(thing.name)}"
            yield Found(None, thing.identity, message)


@GOVERNANCE.error(
    "junction-soft-delete",
    "Junction table without deleted_at, although related ones have it",
    reason="If a playlist is restored, people expect its tracks, its collaborators and its "
    "followers back. Two junction tables are related if they belong to the same resource. A "
    "resource is a table whose rows belong to an account by a column such as user_id, and that is "
    "not an account itself. A junction table has a unique index over two or more references or, "
    "without such an index, a name made of both tables' names. A log of the same tables is not a "
    "junction table, because it may contain a pair many times.",
    remedy="In one migration, add deleted_at and make the unique indexes partial. In the same "
    "release, change each client to leave out deleted rows. No SQL is printed, because a column "
    "that no client uses restores nothing.",
    bad="""\
CREATE TABLE users (id uuid PRIMARY KEY);
CREATE TABLE playlists (id uuid PRIMARY KEY, user_id uuid REFERENCES users (id));
CREATE TABLE tracks (id uuid PRIMARY KEY);
CREATE TABLE playlist_collaborators (playlist_id uuid NOT NULL REFERENCES playlists (id),
    user_id uuid NOT NULL REFERENCES users (id), deleted_at timestamptz,
    UNIQUE (playlist_id, user_id));
CREATE TABLE playlist_tracks (playlist_id uuid NOT NULL REFERENCES playlists (id),
    track_id uuid NOT NULL REFERENCES tracks (id), UNIQUE (playlist_id, track_id));""",
    good="""\
CREATE TABLE users (id uuid PRIMARY KEY);
CREATE TABLE playlists (id uuid PRIMARY KEY, user_id uuid REFERENCES users (id));
CREATE TABLE tracks (id uuid PRIMARY KEY);
CREATE TABLE playlist_collaborators (playlist_id uuid NOT NULL REFERENCES playlists (id),
    user_id uuid NOT NULL REFERENCES users (id), deleted_at timestamptz,
    UNIQUE (playlist_id, user_id));
CREATE TABLE playlist_tracks (playlist_id uuid NOT NULL REFERENCES playlists (id),
    track_id uuid NOT NULL REFERENCES tracks (id), deleted_at timestamptz,
    UNIQUE (playlist_id, track_id));
CREATE TABLE playlist_views (playlist_id uuid REFERENCES playlists (id),
    user_id uuid REFERENCES users (id));""",
    example="public.playlist_tracks",
)
def junction_soft_delete(catalog: Catalog) -> Iterator[Found]:
    """A table has one finding, even if it belongs to several resources."""
    meaning = catalog.meaning
    sisters: dict[Table, list[Table]] = {}
    for table in catalog.tables:
        if meaning.is_junction(table):
            targets = {link.target for link in meaning.links[table.oid]} - {table}
            for resource in filter(meaning.is_resource, targets):
                sisters.setdefault(resource, []).append(table)
    hard: dict[Table, set[str]] = {}
    for tables in sisters.values():
        soft = {table.name for table in tables if table.is_soft}
        for table in tables:
            if soft and not table.is_soft:
                hard.setdefault(table, set()).update(soft)
    for table, soft in hard.items():
        have = "has" if len(soft) == 1 else "have"
        message = f"the table has no deleted_at, but {', '.join(sorted(soft))} {have}"
        yield Found(table, table.identity, message)


@GOVERNANCE.error(
    "extension-missing",
    "Missing extension of V1",
    reason="The search indexes need pg_trgm; clients of the old schema still call pgcrypto and "
    "uuid-ossp.",
    remedy="Create the extension. If the server does not have it, install its package first "
    "(Debian: postgresql-15, RPM: postgresql15-contrib).",
    bad="DROP EXTENSION IF EXISTS pg_trgm;",
    good="CREATE EXTENSION IF NOT EXISTS pg_trgm;",
    example="pg_trgm",
    fix="CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;",
)
def extension_missing(catalog: Catalog) -> Iterator[Found]:
    """The two extensions for old clients are reported only if the server offers them."""
    if PUBLIC not in catalog.schemas:
        return
    for name in EXTENSIONS:
        offered = name in catalog.available_extensions
        if name in catalog.installed_extensions or (name in LEGACY_EXTENSIONS and not offered):
            continue
        statement = f"CREATE EXTENSION IF NOT EXISTS {ident(name)} SCHEMA {PUBLIC};"
        fix = Fix(Stage.EXTENSION, (statement,), frozenset([f"extension {name}"]))
        yield Found(None, ident(name), f"extension {name} is missing", fix if offered else None)


@GOVERNANCE.error(
    "owner-differs",
    "Object of public that another role owns",
    reason="Only the owner can alter an object. A migration fails at an object that another role "
    "created. The expected owner is the role that owns most objects of the schema. If two roles "
    "own the same number, it is the schema's owner.",
    remedy="Change the owner.",
    bad="CREATE TABLE tracks (id uuid);\nCREATE TABLE rooms (id uuid);\n"
    "CREATE ROLE somebody_else;\nALTER TABLE rooms OWNER TO somebody_else;",
    good="CREATE TABLE tracks (id uuid);\nCREATE TABLE rooms (id uuid);",
    example="public.rooms",
    changes="The old owner keeps only the privileges that are granted to it.",
)
def owner_differs(catalog: Catalog) -> Iterator[Found]:
    """Tables, views, sequences, types and functions are checked. An index has the owner of its
    table.
    """
    owned = list(_owned(catalog))
    if not owned:
        return
    counts = Counter(owner for _, _, _, owner in owned)
    expected = max(counts, key=lambda role: (counts[role], role == catalog.schema_owners[PUBLIC]))
    for table, where, kind, owner in owned:
        if owner != expected:
            statement = f"ALTER {kind} {where} OWNER TO {ident(expected)};"
            fix = Fix(Stage.OWNER, (statement,), frozenset([f"owner of {where}"]))
            message = f"owned by {ident(owner)}, the others by {ident(expected)}"
            yield Found(table, where, message, fix)


def _owned(catalog: Catalog) -> Iterator[tuple[Table | None, str, str, str]]:
    """Go through the objects of `public`: table, object, its kind in ALTER, and owner."""
    for table in catalog.all_tables:
        if table.schema == PUBLIC:
            yield table, table.identity, "TABLE", table.owner
    for thing in catalog.things:
        if thing.schema == PUBLIC:
            yield None, thing.identity, thing.kind, thing.owner
    for function in catalog.functions:
        if function.schema == PUBLIC and function.is_audited:
            yield None, function.identity, "ROUTINE", function.owner


@GOVERNANCE.error(
    "schema-create",
    "Schema in which another role may create objects",
    reason="A role that can create objects in a schema on the search path can decide what other "
    "roles run. For example, an operator `public.=(varchar, varchar)` matches a comparison of two "
    "varchar columns better than PostgreSQL's own operator, wherever pg_catalog is on the path. "
    "It runs with the privileges of the role that compares; in a migration, this is the tables' "
    "owner. In databases created before PostgreSQL 15, every role can create objects in public. "
    "manage.py opens no session in such a database.",
    remedy="Revoke CREATE, and check the objects that were created before.",
    bad="GRANT CREATE ON SCHEMA public TO PUBLIC;",
    good="REVOKE CREATE ON SCHEMA public FROM PUBLIC;",
    example="public",
    fix="REVOKE CREATE ON SCHEMA public FROM PUBLIC;",
    changes="A role that creates objects there, for example in a migration, needs a GRANT.",
)
def schema_create(catalog: Catalog) -> Iterator[Found]:
    """The audited schemas are checked. Superusers and the owners of the database, of the schema and
    of schema `django` are not reported, because they may create objects anyway. Only the privilege
    CREATE is checked.
    """
    for schema, role in catalog.creators:
        where, who = ident(schema), "PUBLIC" if role is None else ident(role)
        what = "every role" if role is None else f"role {who}"
        statement = f"REVOKE CREATE ON SCHEMA {where} FROM {who};"
        fix = Fix(Stage.OWNER, (statement,), frozenset([f"CREATE on {where} of {who}"]))
        yield Found(None, where, f"{what} may create objects in it", fix)
