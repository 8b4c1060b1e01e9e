"""Makes the staff log and the notes append-only in PostgreSQL, and checks that they still are.

Triggers refuse UPDATE, DELETE and TRUNCATE for every role. They fire for each statement, and also
for each row, because a statement on a parent table fires only the parent's statement triggers
(PostgreSQL, "CREATE TRIGGER", Notes). Another trigger stores when an entry was made and by which
role, whatever the client sends. It uses clock_timestamp(), because a client can make its
transaction or statement time as old as it wants.

The owner of the tables can still remove all of this; then `changes` reports it.
"""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

#: Table to the word in the names of its triggers.
APPEND_ONLY = {"veza_site_stafflogentry": "staff_log", "veza_site_note": "notes"}

#: Functions in schema `django`, and their bodies, as migration 0001 creates them.
BODIES = {
    "refuse_change": """
BEGIN
    RAISE EXCEPTION '% on %: its rows are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END;
""",
    "stamp_entry": """
BEGIN
    NEW.created_at = clock_timestamp();
    NEW.written_by = session_user;
    RETURN NEW;
END;
""",
}
#: Triggers, with the table's word in their names: when they fire, and what they call.
GUARDING = {
    "refuse_change_of_{}": (
        "BEFORE DELETE OR UPDATE OR TRUNCATE ON django.{} FOR EACH STATEMENT",
        "refuse_change",
    ),
    "refuse_change_of_row_of_{}": (
        "BEFORE DELETE OR UPDATE ON django.{} FOR EACH ROW",
        "refuse_change",
    ),
    "stamp_{}": ("BEFORE INSERT ON django.{} FOR EACH ROW", "stamp_entry"),
}

#: One of the `changes`: the staff log does not exist.
NO_TABLE = "veza_site_stafflogentry: it is not there"

# For one table, in words: triggers that differ from the migration, and ways around the triggers.
CHANGES = """
SELECT 'trigger ' || wanted.name || ' is missing, disabled or changed' AS change
FROM unnest(%(names)s::text[], %(events)s::text[], %(functions)s::text[])
    AS wanted (name, event, function)
WHERE NOT EXISTS (
    SELECT FROM pg_trigger WHERE tgrelid = to_regclass(%(table)s) AND tgname = wanted.name
        AND tgenabled = 'A' AND tgfoid = to_regproc('django.' || wanted.function)
        AND split_part(pg_get_triggerdef(oid), ' EXECUTE ', 1)
            = format('CREATE TRIGGER %%s %%s', wanted.name, wanted.event)
)
UNION ALL
SELECT 'it is not there' WHERE to_regclass(%(table)s) IS NULL
UNION ALL
SELECT 'trigger ' || tgname || ' was added' FROM pg_trigger
WHERE tgrelid = to_regclass(%(table)s) AND NOT tgisinternal AND tgname <> ALL (%(names)s::text[])
UNION ALL
SELECT 'rule ' || rulename || ' was added' FROM pg_rewrite
WHERE ev_class = to_regclass(%(table)s)
UNION ALL
SELECT 'it has parent ' || inhparent::regclass::text FROM pg_inherits
WHERE inhrelid = to_regclass(%(table)s)
UNION ALL
SELECT 'it has child ' || inhrelid::regclass::text FROM pg_inherits
WHERE inhparent = to_regclass(%(table)s)
UNION ALL
SELECT %(hiding)s || ' is written in its place' WHERE to_regclass(%(hiding)s) IS NOT NULL
UNION ALL
SELECT 'column ' || attname || ' is generated, whatever is stamped' FROM pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND attgenerated <> ''
UNION ALL
SELECT 'row security hides rows of it' FROM pg_class
WHERE oid = to_regclass(%(table)s) AND relrowsecurity
UNION ALL
SELECT 'a crash would empty it (UNLOGGED)' FROM pg_class
WHERE oid = to_regclass(%(table)s) AND relpersistence <> 'p'
"""
GUARDS = """
SELECT 'function django.' || wanted.name || ' is missing or changed' AS change
FROM unnest(%s::text[], %s::text[]) AS wanted (name, body)
WHERE NOT EXISTS (
    SELECT FROM pg_proc WHERE pronamespace = to_regnamespace('django') AND proname = wanted.name
        AND prosrc = wanted.body AND NOT prosecdef AND proconfig = ARRAY['search_path=""']
)
"""


def changes(connection: BaseDatabaseWrapper) -> list[str]:
    """What differs from the migration, in words; empty if the tables are still append-only."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(GUARDS, [list(BODIES), list(BODIES.values())])
        found += [change for (change,) in cursor.fetchall()]
        for table, word in APPEND_ONLY.items():
            values: dict[str, Any] = {
                "table": f"django.{table}",
                # Schema `public` is first on the search path.
                "hiding": f"public.{table}",
                "names": [name.format(word) for name in GUARDING],
                "events": [event.format(table) for event, _ in GUARDING.values()],
                "functions": [function for _, function in GUARDING.values()],
            }
            cursor.execute(CHANGES, values)
            found += [f"{table}: {change}" for (change,) in cursor.fetchall()]
    return found
