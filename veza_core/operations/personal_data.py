"""Which rows of the database are about a user, from the foreign keys of the live catalog.

A row is about a user if a foreign key refers to them. A row is also about them if it is deleted
with one of their rows, such as the job of their track, and its table has no foreign key to users at
all. If the table has one, only rows that refer to this user count: what others played, liked or
commented is about these others. In the rows that count, the keys of other users are replaced.

Tables that name users without a foreign key declare this on their model: `about_users`. Tables that
name rows of any table declare `about_rows`: of these, rows about the account and about its own rows
count.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from veza_core.db.fetch import fetch_all
from veza_core.secret_columns import SECRET_COLUMNS

from .purge.catalog import LinkedTable, PurgeCatalog, read_catalog

USERS = "users"
OF_SIGN_IN = "It belongs to the sign-in of staff, and contains secrets."
#: Replaces another user's key.
ANOTHER = "(another user)"
#: The most bytes of a value in its row. A longer value gets a separate file.
MAX_INLINE_BYTES = 100_000

#: Returns the expression that selects a column, as jsonb.
type Value = Callable[[str], sql.Composable]

COLUMNS_OF_TABLE = """
SELECT attname::text, attlen = -1 AND atttypmod = -1, typcategory = 'N'
FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped
ORDER BY attnum
"""


@dataclass(frozen=True, slots=True)
class HeldColumn:
    """An exported column, and how it is selected: as jsonb."""

    name: str
    value: sql.Composable
    #: Whether its values have no size limit.
    is_unbounded: bool
    is_number: bool


@dataclass(frozen=True, slots=True)
class Held:
    """The rows of one table that are about a user."""

    table: LinkedTable
    columns: Sequence[HeldColumn]
    #: Which rows they are, for WHERE.
    condition: sql.Composable
    #: The columns that are left out, as secrets.
    secrets: Sequence[str]

    @property
    def has_unbounded(self) -> bool:
        return any(column.is_unbounded for column in self.columns)


@dataclass(slots=True)
class PersonalData:
    """Where a user's data is; `elsewhere` has the tables that are not exported, and why."""

    held: list[Held] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)


def columns_about(attribute: str) -> dict[str, Mapping[str, frozenset[str]]]:
    """By table, what models declare in `about_users` or `about_rows`.

    These are columns that name a user, or a row of any table, without a foreign key. Each has a set
    of columns about somebody else, which are hidden if only this column found the row.
    """
    return {
        model._meta.db_table: columns
        for model in apps.get_models()
        if (columns := getattr(model, attribute, None))
    }


def find(
    connection: BaseDatabaseWrapper, user: UUID, written_about: Collection[str] = ()
) -> PersonalData:
    """Find where rows about a user are. It only reads catalogs.

    `written_about`: the tables whose rows may be named in tables with `about_rows`.
    """
    catalog = read_catalog(connection)
    users = catalog.tables[USERS]
    key = sql.Literal(str(user))
    data = PersonalData()
    by_user = _by_user(catalog)
    conditions = {users: _equals(users.key, key)}
    for table, columns in by_user.items():
        if table.schema == "public":
            conditions[table] = _any(_equals(column, key) for column in sorted(columns))
        elif table.schema == "django":
            data.elsewhere[str(table)] = OF_SIGN_IN
        else:
            data.elsewhere[str(table)] = "It belongs to another service."
    data.elsewhere |= dict.fromkeys(_of_sign_in(), OF_SIGN_IN)
    owned = _owned(catalog, users, key)
    conditions |= {table: rows for table, rows in owned.items() if table not in conditions}
    for table, condition in conditions.items():
        others = by_user.get(table, set()) - {table.key}
        data.held.append(_held(connection, table, condition, dict.fromkeys(others, key)))
    subjects = [
        sql.SQL("SELECT {}::text FROM {} WHERE {}").format(
            sql.Identifier(table.key), table.identifier, rows
        )
        for table, rows in owned.items()
        if table == users or str(table) in written_about
    ]
    any_subject = sql.SQL("ANY (ARRAY({}))").format(sql.SQL(" UNION ALL ").join(subjects))
    by_row = columns_about("about_rows")
    for name, columns_of_users in columns_about("about_users").items():
        found = {by: _equals(by, key) for by in columns_of_users}
        found |= {by: _equals(by, any_subject) for by in by_row.get(name, ())}
        hidden = {**columns_of_users, **by_row.get(name, {})}
        data.held.append(_declared(connection, catalog.tables[f"django.{name}"], found, hidden))
    data.held.sort(key=lambda held: (held.table != users, str(held.table)))
    return data


def _of_sign_in() -> list[str]:
    """The tables of the sign-in, in which no foreign key refers to users."""
    users = apps.get_model("veza_core", "User")
    models = [relation.related_model for relation in users._meta.related_objects]
    own = [model._meta.db_table for model in models
           if model._meta.app_label not in settings.PUBLIC_SCHEMA_APPS]  # fmt: skip
    return [f"django.{name}" for name in sorted([*own, *settings.SIGN_IN_TABLES])]


def _by_user(catalog: PurgeCatalog) -> dict[LinkedTable, set[str]]:
    found: dict[LinkedTable, set[str]] = {}
    for reference in catalog.referring[catalog.tables[USERS]]:
        found.setdefault(reference.table, set()).add(reference.column)
    return found


def _owned(
    catalog: PurgeCatalog, users: LinkedTable, key: sql.Composable
) -> dict[LinkedTable, sql.Composable]:
    """By table, the rows that a user owns, for WHERE: a deletion of the user deletes them.

    If a table has a foreign key to users, these are the rows that refer to this user; otherwise the
    rows that belong to a row of the user.
    """
    by_user = _by_user(catalog)
    owned: dict[LinkedTable, sql.Composable] = {users: _equals(users.key, key)}
    for table in reversed(catalog.children_first()):
        cascades = catalog.cascades_to(table)
        ways = [
            sql.SQL("{} = ANY (ARRAY(SELECT {} FROM {} WHERE {}))").format(
                sql.Identifier(reference.column),
                sql.Identifier(parent.key),
                parent.identifier,
                owned[parent],
            )
            for parent, reference in cascades
            if parent in owned and parent not in (users, table)
        ]
        own = [_equals(reference.column, key) for parent, reference in cascades if parent == users]
        if table in by_user:
            if own:
                owned[table] = _any(own)
        elif ways and table.schema == "public":
            owned[table] = _any(ways)
    return owned


def _equals(column: str, key: sql.Composable) -> sql.Composable:
    return sql.SQL("{} = {}").format(sql.Identifier(column), key)


def _any(conditions: Iterator[sql.Composable] | Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL("({})").format(sql.SQL(" OR ").join(conditions))


def _held(
    connection: BaseDatabaseWrapper,
    table: LinkedTable,
    condition: sql.Composable,
    others: Mapping[str, sql.Composable],
) -> Held:
    """`others`: columns that refer to users, and may show only this user's key."""

    def value(name: str) -> sql.Composable:
        shown = sql.SQL("to_jsonb({})").format(sql.Identifier(name))
        if name not in others:
            return shown
        return sql.SQL("CASE WHEN {} THEN {} WHEN {} IS NOT NULL THEN {} END").format(
            _equals(name, others[name]), shown, sql.Identifier(name), _word(ANOTHER)
        )

    return _of(connection, table, condition, value)


def _declared(
    connection: BaseDatabaseWrapper,
    table: LinkedTable,
    found: Mapping[str, sql.Composable],
    hidden: Mapping[str, frozenset[str]],
) -> Held:
    """Rows that name users without a foreign key.

    `found`: the conditions that find a row, by column. `hidden`: for each of these columns, those
    that are not shown if only it finds the row.
    """

    def value(name: str) -> sql.Composable:
        shown = sql.SQL("to_jsonb({})").format(sql.Identifier(name))
        showing = [condition for by, condition in found.items() if name not in hidden[by]]
        if len(showing) == len(found):
            return shown
        return sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(
            _any(showing) if showing else sql.SQL("false"), shown, _word("(about somebody else)")
        )

    return _of(connection, table, _any([*found.values()]), value)


def _word(text: str) -> sql.Composable:
    return sql.SQL("to_jsonb({}::text)").format(sql.Literal(text))


def _of(
    connection: BaseDatabaseWrapper, table: LinkedTable, condition: sql.Composable, value: Value
) -> Held:
    found = fetch_all(connection, COLUMNS_OF_TABLE, [table.oid])
    secret = SECRET_COLUMNS.get(table.name, frozenset())
    columns = [
        HeldColumn(name, value(name), unbounded and bool(table.key), number)
        for name, unbounded, number in found
        if name not in secret
    ]
    return Held(table, columns, condition, [name for name, *_ in found if name in secret])
