"""Security: with which privileges a statement runs, and which objects its names mean."""

import re
from collections.abc import Iterator

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.objects import Function
from veza_core.schema.audit.rule import SECURITY, Fix, Found, Stage
from veza_core.schema.quoting import ident

_TOTAL = "CREATE TABLE totals (n bigint);"
_FUNCTION = "CREATE FUNCTION count_play() RETURNS trigger LANGUAGE plpgsql"
_TRIGGER = """CREATE TABLE plays (id uuid);
CREATE TRIGGER count_play AFTER INSERT ON plays FOR EACH ROW EXECUTE FUNCTION count_play();"""

# A table after a word such as FROM, or a function before its arguments, without a schema.
_TABLE = re.compile(
    r"\b(?:from|join|(?:insert|merge)\s+into|update|truncate|table|only)\s+"
    r'(?:only\s+|table\s+)*("[^"]+"|\w+)(?!\s*\.|\w|")',
    re.I,
)
_CALL = re.compile(r'(?<![.\w"])("[^"]+"|\w+)\s*\(')
_COMMENT_OR_TEXT = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
# A FROM that no table follows.
_NO_TABLE = re.compile(
    r"\bdistinct\s+from\b|(\b(?:extract|substring|trim|overlay)\s*\([^()]*?)\bfrom\b", re.I
)
# The names that a WITH clause defines.
_WITH = re.compile(
    r'(?:\bwith|\brecursive|,)\s+("[^"]+"|\w+)\s*(?:\([^()]*\)\s*)?\bas\s+'
    r"(?:(?:not\s+)?materialized\s+)?\(",
    re.I,
)
# Other ways to name a table: USING of a DELETE or MERGE, and after a comma in a list.
_ANOTHER = re.compile(
    r"(\b(?:delete\s+from|merge\s+into)\s[^;]*?)\busing\b"
    r'|(\b(?:from|join)\s+[\w."]+(?:\s+(?:as\s+)?\w+)?)\s*,',
    re.I,
)


def _routines(catalog: Catalog) -> Iterator[Function]:
    """Go through the functions and procedures that resolve names when they run."""
    for function in catalog.functions:
        if function.is_audited and function.language not in ("c", "internal"):
            yield function


@SECURITY.warning(
    "function-search-path",
    "Function with the caller's search_path",
    reason="Names without a schema depend on the caller's search_path. With it, the caller of a "
    "SECURITY DEFINER function chooses what runs with the owner's privileges. If a policy calls a "
    "function, the caller chooses which rows are visible. PostgreSQL searches pg_temp first, "
    "unless the function's own path names it at the end: a caller's temporary table can then "
    "replace the right one. A trigger or an index expression fails wherever the path differs: in "
    "pg_restore, in a subscriber, and from PostgreSQL 17 on in REINDEX, ANALYZE, VACUUM and "
    "REFRESH MATERIALIZED VIEW.",
    remedy="Run ALTER FUNCTION … SET search_path = '', and write the schemas in the body. Or set "
    "the schemas that it needs, with pg_temp at the end. No SQL is printed, because the body must "
    "match.",
    bad=f"{_TOTAL}\n{_FUNCTION}\nAS $$ BEGIN UPDATE totals SET n = n + 1; RETURN NEW; END; $$;\n"
    f"{_TRIGGER}",
    good=f"{_TOTAL}\n{_FUNCTION} SET search_path = ''\n"
    "AS $$ BEGIN UPDATE public.totals SET n = n + 1; RETURN NEW; END; $$;\n"
    f"{_TRIGGER}",
    example="public.count_play()",
)
def function_search_path(catalog: Catalog) -> Iterator[Found]:
    """A SECURITY DEFINER function is reported if it has no path, or if it names a table without its
    schema and its path does not end in pg_temp. Another function is reported if it names a table or
    a function without its schema, and a trigger, an event trigger, a policy, an index, a generated
    column, a constraint or a materialized view runs it. Names in a standard SQL body (BEGIN ATOMIC)
    are resolved when the function is created. C functions and dynamic SQL are not checked.
    """
    for routine in _routines(catalog):
        names = _unqualified(routine.source, catalog)
        path = dict(each.split("=", 1) for each in routine.settings).get("search_path")
        if path is not None or routine.is_resolved:
            tables = [name for name in names if name in catalog.tables_named]
            if not (routine.is_definer and tables and _is_open_to_temporary(path or "")):
                continue
            what = ", ".join(tables[:3])
            message = f"SECURITY DEFINER, and a caller's temporary table can replace {what}"
        elif routine.is_definer:
            message = "SECURITY DEFINER, and its search_path is the caller's"
        elif names and routine.run_by:
            what = ", ".join(names[:3])
            message = f"{routine.run_by} runs it, and it names {what} without a schema"
        else:
            continue
        yield Found(None, routine.identity, message)


def _is_open_to_temporary(path: str) -> bool:
    """Whether PostgreSQL searches pg_temp before another schema of the path.

    It does unless pg_temp is the last one.
    """
    schemas = [part.strip().strip('"') for part in path.split(",")]
    others = {*schemas} - {"", "pg_catalog", "pg_temp"}
    return bool(others) and schemas[-1] != "pg_temp"


def _unqualified(source: str, catalog: Catalog) -> list[str]:
    """Return the names of tables and functions that are resolved by the search_path."""
    code = _NO_TABLE.sub(r"\1 ", _COMMENT_OR_TEXT.sub(" '' ", source))
    aliases = {_folded(name) for name in _WITH.findall(code)}
    while (chained := _ANOTHER.sub(r"\1\2 join ", code)) != code:
        code = chained
    found = {_folded(name) for name in _TABLE.findall(code)} & catalog.tables_named - aliases
    called = {_folded(name) for name in _CALL.findall(code)} & catalog.functions_named
    return sorted(found | called)


def _folded(name: str) -> str:
    return name[1:-1] if name.startswith('"') else name.lower()


@SECURITY.warning(
    "definer-public",
    "SECURITY DEFINER function that every role may call",
    reason="The function runs with the privileges of its owner, who often owns all tables. CREATE "
    "FUNCTION lets PUBLIC execute it, unless this privilege is revoked.",
    remedy="Revoke EXECUTE from PUBLIC, and grant it to the roles that need it. No SQL is "
    "printed, because it would take the privilege from roles that call the function today.",
    bad="CREATE FUNCTION tidy() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = ''\n"
    "    AS 'SELECT';",
    good="CREATE FUNCTION tidy() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = ''\n"
    "    AS 'SELECT';\nREVOKE EXECUTE ON FUNCTION tidy() FROM PUBLIC;",
    example="public.tidy()",
)
def definer_public(catalog: Catalog) -> Iterator[Found]:
    """The rule checks schemas that PUBLIC may use. Trigger functions count too: nobody can call one
    directly, but the owner of any table can create a trigger with it.
    """
    for routine in _routines(catalog):
        if routine.is_definer and routine.is_public:
            message = "it runs with its owner's privileges, and PUBLIC may execute it"
            yield Found(None, routine.identity, message)


_POLICY = (
    "CREATE TABLE notes (owner_id uuid);\nCREATE POLICY own ON notes USING (owner_id IS NULL);"
)


@SECURITY.error(
    "policy-without-rls",
    "Policies on a table without row level security",
    reason="Without ALTER TABLE … ENABLE ROW LEVEL SECURITY, policies and FORCE have no effect: "
    "every role with a privilege on the table sees all rows.",
    remedy="Enable it when each role that uses the table has a policy, or drop the policies. No "
    "SQL is printed, because roles without a policy would see no rows.",
    bad=_POLICY,
    good=f"{_POLICY}\nALTER TABLE notes ENABLE ROW LEVEL SECURITY;",
    example="public.notes",
)
def policy_without_rls(catalog: Catalog) -> Iterator[Found]:
    """A table with FORCE ROW LEVEL SECURITY and no policies is reported too."""
    for table in catalog.all_tables:
        if not table.is_secured and (table.has_policies or table.is_forced):
            what = "has policies" if table.has_policies else "forces row level security"
            yield Found(table, table.identity, f"it {what}, but row level security is not enabled")


@SECURITY.warning(
    "rls-without-policy",
    "Row level security without a policy",
    reason="Only the owner, superusers and roles with BYPASSRLS see rows. The others see none, "
    "and get no error.",
    remedy="Create the policies. If no role should see the table, revoke the privileges instead. "
    "If this is intended, add an exception.",
    bad="CREATE TABLE notes (owner_id uuid);\nALTER TABLE notes ENABLE ROW LEVEL SECURITY;",
    good=f"{_POLICY}\nALTER TABLE notes ENABLE ROW LEVEL SECURITY;",
    example="public.notes",
)
def rls_without_policy(catalog: Catalog) -> Iterator[Found]:
    """A partition or an inheriting table is usually read through its parent, so the parent's
    policies count.
    """
    for table in catalog.all_tables:
        if table.is_secured and not table.has_policies and not table.parents:
            message = "row level security is enabled, and there is no policy"
            yield Found(table, table.identity, message)


@SECURITY.error(
    "trigger-privilege",
    "Table on which another role may create a trigger or a foreign key",
    reason="A trigger runs with the privileges of the role that changes the row. In a migration or "
    "a purge, this is the tables' owner. A foreign key has the same effect: when the owner deletes "
    "a row, ON DELETE CASCADE deletes rows of the other role's table, and fires that table's "
    "triggers in the owner's session. Up to PostgreSQL 17, an AFTER trigger then runs as the "
    "owner. In every version, a trigger can change the session's search_path. GRANT ALL on a "
    "table includes both privileges.",
    remedy="Revoke both, and check the existing triggers and foreign keys. A service needs "
    "SELECT, INSERT, UPDATE or DELETE. If it needs a foreign key to the table, grant "
    "REFERENCES while it creates that key, and trust its role as much as the owner.",
    bad="CREATE TABLE plays (id uuid PRIMARY KEY);\nGRANT ALL ON plays TO PUBLIC;",
    good="CREATE TABLE plays (id uuid PRIMARY KEY);\n"
    "GRANT SELECT, INSERT, UPDATE, DELETE ON plays TO PUBLIC;",
    example="public.plays",
    fix="REVOKE REFERENCES, TRIGGER ON public.plays FROM PUBLIC;",
    changes="A role that creates foreign keys or triggers there needs a GRANT.",
)
def trigger_privilege(catalog: Catalog) -> Iterator[Found]:
    """The tables of the audited schemas and their columns are checked. Superusers and the owners of
    the table, of its schema and of the database are not reported, because they have these
    privileges anyway. Only these two privileges are checked.
    """
    for schema, name, role, words in catalog.attachers:
        where, who = f"{ident(schema)}.{ident(name)}", "PUBLIC" if role is None else ident(role)
        what = "every role" if role is None else f"role {who}"
        listed = ", ".join(words)
        statement = f"REVOKE {listed} ON {where} FROM {who};"
        fix = Fix(Stage.OWNER, (statement,), frozenset([f"{listed} on {where} of {who}"]))
        message = f"{what} has {listed}, by which its code could run as the owner"
        yield Found(catalog.by_name.get((schema, name)), where, message, fix)
