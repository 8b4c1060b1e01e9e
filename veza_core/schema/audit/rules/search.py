"""Search and sorting: uniqueness among live rows, and feeds (Standard, rules 5 and 6)."""

import re
from collections.abc import Iterable, Iterator

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.fixes import (
    alter_table,
    create_index,
    drop_index,
    dropped,
    duplicated,
    index_name,
    relation,
)
from veza_core.schema.audit.index_meaning import (
    LIVE_VALUE,
    bare,
    conjuncts,
    covers,
    feed_index,
    leaves_out_deleted,
    sets_live_apart,
)
from veza_core.schema.audit.meaning import ACTIVITY_WORDS, OWNER_COLUMNS, is_activity
from veza_core.schema.audit.objects import TIMESTAMP, TIMESTAMPTZ, Index, Table
from veza_core.schema.audit.rule import INDEXES, Fix, Found, Stage
from veza_core.schema.quoting import columns, ident, literal, qualified

_IDENTITY_COLUMNS = ("email", "username", "slug")
_ACCOUNT_TABLES = {"accounts", "customers", "members", "people", "subscribers", "user", "users"}
_PASSWORD_COLUMNS = {"encrypted_password", "password", "password_digest", "password_hash"}
_MOMENTS = (TIMESTAMP, TIMESTAMPTZ)
_COPIES = ("_aliases", "_redirects", "_revisions", "_versions")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


@INDEXES.error(
    "unique-not-partial",
    "Unique index that deleted rows block",
    reason="On a table with deleted_at, a deleted row stays. If the unique index contains it, its "
    "e-mail address, its name or its place can never be used again. Three other indexes are "
    "accepted: one whose condition says more than `deleted_at IS NULL`; one with deleted_at among "
    "its columns, if deleted rows then differ from live ones and from each other; and one that "
    "contains the whole primary key.",
    remedy="Create another index WHERE deleted_at IS NULL, and drop this one, in the same release "
    "as the clients: ON CONFLICT (email) must become ON CONFLICT (email) WHERE deleted_at IS "
    "NULL. The SQL creates the new index without blocking writes, before it drops the old one. No "
    "SQL is printed for a DEFERRABLE constraint, because an index cannot be deferred.",
    bad="CREATE TABLE users (email text, deleted_at timestamptz);\n"
    "CREATE UNIQUE INDEX idx_users_email ON users (email);",
    good="CREATE TABLE users (email text, deleted_at timestamptz);\n"
    "CREATE UNIQUE INDEX idx_users_email ON users (email) WHERE deleted_at IS NULL;",
    example="public.idx_users_email",
    fix="""
CREATE UNIQUE INDEX CONCURRENTLY idx_users_email_live ON public.users (email) \
WHERE deleted_at IS NULL;
DROP INDEX CONCURRENTLY public.idx_users_email;
ALTER INDEX public.idx_users_email_live RENAME TO idx_users_email;""",
    changes="INSERT … ON CONFLICT (email) fails until it says ON CONFLICT (email) WHERE deleted_at "
    "IS NULL. A deleted row may have the values of a live one.",
)
def unique_not_partial(catalog: Catalog) -> Iterator[Found]:
    """Unique constraints are checked too. The primary key is not."""
    for table in catalog.tables:
        key = set(table.primary_key.keys) if table.primary_key is not None else {None}
        for index in table.indexes if table.is_soft else ():
            if not index.is_unique or index.is_primary or index.is_exclusion:
                continue
            if leaves_out_deleted(index) or key <= set(index.keys):
                continue
            has = f"WHERE {index.predicate}" if index.predicate else "no condition"
            message = f"{ident(index.name)} has {has}, not WHERE deleted_at IS NULL"
            yield Found(table, index.identity, message, _make_partial(catalog, index))


def _make_partial(catalog: Catalog, index: Index) -> Fix | None:
    """Replace the index by a partial one.

    None if another object needs the index, or if it has more than plain columns.
    """
    table = index.table
    names = tuple(key for key in index.keys if key is not None)
    simple = (
        index.predicate is None
        and len(names) == len(index.keys)
        and index.has_plain_operators
        and not (
            index.is_bound or index.included or index.nulls_not_distinct or index.is_deferrable
        )
    )
    if not simple or table.is_partitioned or index.method != "btree":
        return None
    schema, name = table.schema, index_name(table, names)
    # A partial index serves no foreign key: first create an index for each key that this one
    # served.
    before = [create_index(catalog, table, key) for key in _served(index)]
    fixes = [fix for fix in before if fix is not None]
    claims = set().union(*(fix.claims for fix in fixes))
    rename = name == index.name
    if rename or relation(schema, name) in claims:
        name = index_name(table, (*names, "live"))
    if name in catalog.taken_names[schema]:
        return None
    create = (
        f"CREATE UNIQUE INDEX CONCURRENTLY {ident(name)} ON {table.identity} "
        f"({columns(names)}) WHERE deleted_at IS NULL;"
    )
    drop = (
        alter_table(table, f"DROP CONSTRAINT {ident(index.constraint)}")
        if index.constraint
        else drop_index(index)
    )
    statements = [*(statement for fix in fixes for statement in fix.statements), create, drop]
    final = name
    if rename:
        statements.append(f"ALTER INDEX {qualified(schema, name)} RENAME TO {ident(index.name)};")
        final = index.name
    if index.comment is not None:
        where = qualified(schema, final)
        statements.append(f"COMMENT ON INDEX {where} IS {literal(index.comment)};")
    claims |= {relation(schema, name), *dropped(index)}
    undo = f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(schema, name)};"
    return Fix(
        Stage.INDEX,
        tuple(statements),
        frozenset(claims),
        changes=_partial_changes(index, names),
        otherwise={drop: (undo,)},
    )


def _partial_changes(index: Index, names: tuple[str, ...]) -> str:
    """Say which statements of clients fail without the condition."""
    text = (
        f"INSERT … ON CONFLICT ({columns(names)}) fails until it says ON CONFLICT "
        f"({columns(names)}) WHERE deleted_at IS NULL"
    )
    if index.constraint:
        text += (
            f"; ON CONFLICT ON CONSTRAINT {ident(index.constraint)} fails, and an error names the "
            "index"
        )
    return f"{text}. A deleted row may have the values of a live one."


def _served(index: Index) -> list[tuple[str, ...]]:
    """Return the columns of the foreign keys that have this index and no other."""
    others = [other for other in index.table.indexes if other is not index]
    return [
        key.columns
        for key in index.table.foreign_keys
        if covers(index, key.columns, key)
        and not any(covers(other, key.columns, key) for other in others)
    ]


@INDEXES.error(
    "search-not-unique",
    "email, username or slug that two rows may share",
    reason="Each of these columns must find one row, at sign-in or by an address in a browser. A "
    "slug identifies its row in every table, alone or within the row's parent. An e-mail address "
    "or username identifies its row in a table of accounts. A table of accounts is one that an "
    f"owner column ({_listed(OWNER_COLUMNS)}) refers to, one with such a name "
    f"({_listed(_ACCOUNT_TABLES)}), or one with passwords. If the column is NOT NULL, a table "
    "that refers to no other table counts too. In other rows, such as tokens, logs, older states "
    "and rows that belong to an account, an e-mail address or username is only a copy or a "
    "contact, and is not reported.",
    remedy="Create the unique index. If the table has deleted_at, create it for live rows. It "
    "fails at duplicates: the query shows them, and you must resolve them first.",
    bad="CREATE TABLE users (email text NOT NULL);",
    good="CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL);\n"
    "CREATE UNIQUE INDEX idx_users_email ON users (email);\n"
    "CREATE TABLE verifications (user_id uuid REFERENCES users (id), email text NOT NULL);",
    example="public.users.email",
    fix="CREATE UNIQUE INDEX CONCURRENTLY idx_users_email ON public.users (email);",
    changes="A write of a value that another row has is refused.",
)
def search_not_unique(catalog: Catalog) -> Iterator[Found]:
    """A unique index on lower(email), or on another expression of this column alone, is stricter,
    and counts. An index that also has deleted_at counts if it is NULLS NOT DISTINCT.
    """
    for table in catalog.tables:
        for name in _IDENTITY_COLUMNS:
            column = table.columns.get(name)
            if column is None or not _identifies(catalog, table, name):
                continue
            if any(_makes_unique(catalog, index, name) for index in table.indexes):
                continue
            possible = set(table.partition_columns) <= {name}
            fix = create_index(catalog, table, (name,), unique=True) if possible else None
            query = duplicated(table, [name], "deleted_at IS NULL" if table.is_soft else "")
            where = f"{table.identity}.{name}"
            yield Found(table, where, f"{name} has no unique index", fix, query=query)


def _identifies(catalog: Catalog, table: Table, name: str) -> bool:
    """Whether the column identifies the row, and does not only describe it."""
    if is_activity(table.name) or table.name.endswith(_COPIES):
        return False
    if name == "slug":
        return True
    meaning = catalog.meaning
    if meaning.owner(table) is not None:
        return False
    if (
        table.oid in meaning.accounts
        or table.name in _ACCOUNT_TABLES
        or not _PASSWORD_COLUMNS.isdisjoint(table.columns)
    ):
        return True
    refers = any(link.target is not table for link in meaning.links[table.oid])
    return table.columns[name].not_null and not refers and not meaning.is_credential(table)


def _makes_unique(catalog: Catalog, index: Index, name: str) -> bool:
    """Whether two live rows, or two live rows of one parent, can never have the same value."""
    if not (index.is_unique or index.is_exclusion) or not index.is_usable:
        return False
    allowed = {"deleted_at IS NULL", f"{name} IS NOT NULL"}
    if not all(part in allowed or _is_not_empty(part, name) for part in conjuncts(index.predicate)):
        return False
    table = index.table
    if index.is_exclusion:
        equal = f"({name} WITH =)"
        return any(
            check.name == index.constraint and equal in check.definition for check in table.checks
        )
    places = range(len(index.keys))
    folded = {name if _folds(index, place, name) else index.keys[place] for place in places}
    if table.is_soft:
        folded -= {index.keys[place] for place in places if sets_live_apart(index, place)}
    scope = {column for link in catalog.meaning.links[table.oid] for column in link.columns}
    scope |= {column for column in table.columns if column.endswith("_id")}
    if name == "slug":
        # It identifies the row together with the other columns: a site, a language, a year.
        key = table.primary_key
        scope |= set(table.columns) - set(key.keys if key is not None else ())
        scope -= {each.name for each in table.columns.values() if each.base_type in _MOMENTS}
    return name in folded and folded <= {name, *table.partition_columns, *scope}


def _is_not_empty(condition: str, name: str) -> bool:
    """Whether the condition only leaves out rows with an empty text."""
    return re.fullmatch(rf"\(?{re.escape(name)}\)?(::text)? <> ''::[a-z ]+", condition) is not None


def _folds(index: Index, place: int, name: str) -> bool:
    """Whether two rows with the same value are equal at this place of the index.

    An expression counts if this column is its only one, and if it is never NULL for a value.
    """
    if index.keys[place] is not None:
        return index.keys[place] == name
    expression = bare(index.expressions[place] or "")
    if LIVE_VALUE.fullmatch(expression) and name in index.columns_at(place):
        return True
    return index.columns_at(place) == (name,) and not re.search(r"\b(CASE|NULLIF)\b", expression)


@INDEXES.warning(
    "feed-not-indexed",
    "Feed without an index ending in created_at DESC",
    reason="A feed shows the newest rows first. Without the index, each page sorts all rows. "
    "A feed is a table with created_at. Each account has many rows of it, by one of the columns "
    f"{_listed(OWNER_COLUMNS)}. The table also has soft deletion, or its name ends in an "
    f"activity: {_listed(ACTIVITY_WORDS)}. Three kinds of tables are not feeds: tokens, rows with "
    "a natural key, and pairs with more columns than the pair, which have their own order.",
    remedy="Create the index, with the columns that the feed is filtered by first. PostgreSQL can "
    "read an ascending index backwards, but the Standard says DESC, as the queries do.",
    bad="CREATE TABLE users (id uuid PRIMARY KEY);\n"
    "CREATE TABLE posts (user_id uuid NOT NULL REFERENCES users (id), created_at timestamptz);",
    good="CREATE TABLE users (id uuid PRIMARY KEY);\n"
    "CREATE TABLE posts (user_id uuid NOT NULL REFERENCES users (id), created_at timestamptz);\n"
    "CREATE INDEX idx_posts_user_id_created_at ON posts (user_id, created_at DESC);",
    example="public.posts",
    fix="""
CREATE INDEX CONCURRENTLY idx_posts_user_id_created_at ON public.posts \
(user_id, created_at DESC);""",
)
def feed_not_indexed(catalog: Catalog) -> Iterator[Found]:
    """Other columns may follow, such as `id` for paging. A partial index counts."""
    meaning = catalog.meaning
    for table in catalog.tables:
        if meaning.is_feed(table) and feed_index(table) is None:
            owner = meaning.owner(table)
            names = owner.columns if owner is not None else ()
            fix = create_index(catalog, table, names, descending="created_at")
            message = "the feed has no index ending in created_at DESC"
            yield Found(table, table.identity, message, fix)
