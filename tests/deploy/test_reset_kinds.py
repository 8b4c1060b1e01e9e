"""`reset_db` drops objects of every kind, twice in a row, and none that is outside."""

import psycopg
import pytest
from django.core.management.base import CommandError

from tests.support import administer, run_command, schema_of, scratch_database, server_parameters

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("debugging")]

#: An object of each kind in `public`; what they use outside does not change.
KINDS = """
CREATE TABLE public.parent (id int, at int) PARTITION BY LIST (id);
CREATE TABLE public.part PARTITION OF public.parent FOR VALUES IN (1) PARTITION BY RANGE (at);
CREATE TABLE public.part_of_part PARTITION OF public.part DEFAULT;
CREATE INDEX ON public.parent (at);
CREATE TABLE public.by_expression (id int) PARTITION BY HASH ((id + 1));
CREATE TABLE public.heir () INHERITS (public.rooms);
CREATE TABLE public."Odd ""Name" (id int GENERATED ALWAYS AS IDENTITY, n serial, "x;y" text);
CREATE TABLE django.more (id int) PARTITION BY LIST (id);
CREATE VIEW public.seen AS SELECT id FROM public.users;
CREATE VIEW public.seen_twice AS SELECT id FROM public.seen;
CREATE MATERIALIZED VIEW public.counted AS SELECT count(*) FROM public.seen;
CREATE SEQUENCE public.numbers;
CREATE TYPE public.mood AS ENUM ('good');
CREATE TYPE public.pair AS (one int, mood public.mood);
CREATE DOMAIN public.word AS text CHECK (VALUE <> '');
CREATE TYPE public.span AS RANGE (SUBTYPE = float8);
CREATE TYPE public.shell;
CREATE FUNCTION public.add(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE FUNCTION public.before(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 < $2';
CREATE FUNCTION public.order_of(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2';
CREATE FUNCTION public.as_text(public.pair) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''x''';
CREATE FUNCTION public.at_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE PROCEDURE public.nothing(INOUT n int) LANGUAGE sql AS 'SELECT $1';
CREATE AGGREGATE public.total(int) (SFUNC = public.add, STYPE = int);
CREATE AGGREGATE public.middle(ORDER BY int) (SFUNC = public.add, STYPE = int);
CREATE OPERATOR public.<<< (LEFTARG = int, RIGHTARG = int, FUNCTION = public.before);
CREATE FUNCTION public.neg(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT -$1';
CREATE OPERATOR public.!!! (RIGHTARG = int, FUNCTION = public.neg);
CREATE OPERATOR FAMILY public.fam USING btree;
CREATE OPERATOR CLASS public.odd_ops FOR TYPE int USING btree AS
    OPERATOR 1 public.<<<, FUNCTION 1 public.order_of(int, int);
CREATE CAST (public.pair AS text) WITH FUNCTION public.as_text(public.pair);
CREATE COLLATION public.plain FROM "C";
CREATE CONVERSION public.conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH CONFIGURATION public.ts (COPY = simple);
CREATE TEXT SEARCH DICTIONARY public.td (TEMPLATE = simple);
CREATE TEXT SEARCH PARSER public.tp (START = prsd_start, GETTOKEN = prsd_nexttoken,
    END = prsd_end, LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE public.tt (LEXIZE = dsimple_lexize);
CREATE STATISTICS public.stats ON id, username FROM public.users;
CREATE FOREIGN DATA WRAPPER nobody;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nobody;
CREATE FOREIGN TABLE public.far (id int) SERVER nowhere;
CREATE RULE quiet AS ON INSERT TO public.rooms DO ALSO NOTHING;
ALTER TABLE public.rooms ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_of_them ON public.rooms USING (true);
COMMENT ON TABLE public.parent IS 'parted';
ALTER DEFAULT PRIVILEGES IN SCHEMA django GRANT SELECT ON TABLES TO PUBLIC;
SELECT lo_from_bytea(4711, 'large');
"""


@pytest.fixture
def debugging(settings):
    """The command is for development."""
    settings.DEBUG = True


@pytest.fixture
def name(migrated):
    with scratch_database(f'TEMPLATE "{migrated}"') as copy:
        yield copy


def execute(name, statement):
    with psycopg.connect(**server_parameters(), dbname=name, autocommit=True) as session:
        cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else None


def definitions(name):
    return schema_of("--schema=public", "--schema=django", **server_parameters(), dbname=name)


def reset(name, *arguments):
    return run_command("reset_db", "--noinput", "--verbosity=0", *arguments, database=name)


def test_every_kind_goes_and_the_next_reset_works(name):
    before = definitions(name)
    for _ in range(2):
        execute(name, KINDS)
        reset(name)
        assert definitions(name) == before
        # Large objects and foreign servers are in no schema.
        assert execute(name, "SELECT lo_unlink(4711)") == [(1,)]
        execute(name, "DROP FOREIGN DATA WRAPPER nobody CASCADE")


#: Outside objects that depend on ours: the name, the statement, and whether it can be dropped.
LEANING = {
    "table chat.attached": (
        "CREATE TABLE public.parent (id int) PARTITION BY LIST (id);"
        "CREATE TABLE chat.attached PARTITION OF public.parent DEFAULT",
        False,
    ),
    "table chat.parent (part is a part of it)": (
        "CREATE TABLE chat.parent (id int) PARTITION BY LIST (id);"
        "CREATE TABLE public.part PARTITION OF chat.parent DEFAULT",
        False,
    ),
    "table column chat.parted.role": (
        "CREATE TABLE chat.parted (id int, role public.user_role) PARTITION BY LIST (id)",
        False,
    ),
    "table chat.by_role": (
        "CREATE TABLE chat.by_role (role public.user_role) PARTITION BY LIST (role)",
        False,
    ),
    "statistics object chat.stats": (
        "CREATE STATISTICS chat.stats ON id, username FROM public.users",
        True,
    ),
    "event trigger watch": (
        "CREATE FUNCTION public.at_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
        "CREATE EVENT TRIGGER watch ON sql_drop EXECUTE FUNCTION public.at_ddl()",
        True,
    ),
    "cast (chat.kind AS public.user_role)": (
        "CREATE TYPE chat.kind AS ENUM ('user');"
        "CREATE CAST (chat.kind AS public.user_role) WITH INOUT",
        True,
    ),
    "extension unaccent (in schema django: ALTER EXTENSION unaccent SET SCHEMA public": (
        "CREATE EXTENSION unaccent SCHEMA django",
        False,
    ),
    "view chat.everybody": (
        "CREATE VIEW chat.everybody AS SELECT * FROM public.users;"
        "CREATE VIEW chat.roles AS SELECT role FROM chat.everybody",
        True,
    ),
    "materialized view chat.kept": (
        "CREATE MATERIALIZED VIEW chat.kept AS SELECT 'user'::public.user_role AS role",
        True,
    ),
    "language other": (
        "CREATE FUNCTION public.handle() RETURNS language_handler LANGUAGE c"
        " AS '$libdir/plpgsql', 'plpgsql_call_handler';"
        "CREATE LANGUAGE other HANDLER public.handle",
        True,
    ),
    "access method other": (
        "CREATE FUNCTION public.handle(internal) RETURNS table_am_handler LANGUAGE internal"
        " AS 'heap_tableam_handler';"
        "CREATE ACCESS METHOD other TYPE TABLE HANDLER public.handle",
        True,
    ),
    "foreign-data wrapper other": (
        "CREATE FUNCTION public.check(text[], oid) RETURNS void LANGUAGE plpgsql"
        " AS 'BEGIN END';"
        "CREATE FOREIGN DATA WRAPPER other VALIDATOR public.check",
        True,
    ),
    "trigger notify on public.users": (
        "CREATE FUNCTION chat.notify() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER notify AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION chat.notify()",
        True,
    ),
    "rule copy on public.users": (
        "CREATE TABLE chat.names (name text);"
        "CREATE RULE copy AS ON INSERT TO users DO ALSO INSERT INTO chat.names SELECT NEW.username",
        True,
    ),
    "policy invited on public.rooms": (
        "CREATE TABLE chat.invited (room uuid);"
        "CREATE POLICY invited ON rooms USING (id IN (SELECT room FROM chat.invited))",
        True,
    ),
    "table constraint to_chat on public.rooms": (
        "CREATE TABLE chat.threads (id uuid PRIMARY KEY);"
        "ALTER TABLE rooms ADD CONSTRAINT to_chat FOREIGN KEY (id) REFERENCES chat.threads",
        True,
    ),
}


@pytest.mark.parametrize("shown", LEANING)
def test_what_leans_on_ours_stops_it(name, shown):
    statements, can_be_dropped = LEANING[shown]
    execute(name, f"CREATE SCHEMA chat; {statements}")
    before = schema_of(**server_parameters(), dbname=name)
    with pytest.raises(CommandError, match="Nothing was dropped") as refusal:
        reset(name)
    assert shown in str(refusal.value)
    assert schema_of(**server_parameters(), dbname=name) == before
    if can_be_dropped:
        reset(name, "--drop-dependents")
        assert shown not in schema_of(**server_parameters(), dbname=name)
    else:
        with pytest.raises(CommandError, match="would lose rows") as refusal:
            reset(name, "--drop-dependents")
        assert schema_of(**server_parameters(), dbname=name) == before


def test_owned_by_somebody_else_is_one_line(name):
    role = f"role_{name}"
    administer(f"CREATE ROLE {role}", f"GRANT CREATE ON DATABASE {name} TO {role}")
    try:
        execute(name, f"GRANT ALL ON SCHEMA public TO {role}")
        execute(name, f"ALTER ROLE postgres IN DATABASE {name} SET role = {role}")
        with pytest.raises(CommandError, match=r"does not own schema public.* Nothing was dropped"):
            reset(name)
        # Also if migrate would fail only half way.
        revoke = "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC"
        execute(name, f"SET ROLE NONE; ALTER SCHEMA public OWNER TO {role}; {revoke}")
        with pytest.raises(CommandError, match=r"not use language plpgsql.* Nothing was dropped"):
            reset(name)
    finally:
        administer(f"ALTER ROLE postgres IN DATABASE {name} RESET role")
        execute(name, "ALTER SCHEMA public OWNER TO postgres")
        execute(name, f"DROP OWNED BY {role}")
        administer(f"DROP ROLE {role}")


def test_a_publication_of_all_tables_does_not_stop_a_reset(name):
    """It gets the recreated tables, and a development machine has no replicas."""
    execute(name, "CREATE PUBLICATION everything FOR ALL TABLES")
    reset(name)
    assert execute(name, "SELECT count(*) FROM pg_publication") == [(1,)]
