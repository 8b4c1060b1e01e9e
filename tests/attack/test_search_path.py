"""A role that may create objects on our search path cannot make us run them."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError
from django.db import OperationalError, connection
from django.test import Client

from tests import in_process
from tests.attack.mallory import Mallory, mallory_in
from tests.support import database_url, run_command
from veza_core.db.trust import UntrustedSchemaError

pytestmark = pytest.mark.django_db

#: Counts each call by another role; a rollback does not reset a sequence.
LOOT = """
CREATE SEQUENCE public.loot; GRANT ALL ON SEQUENCE public.loot TO PUBLIC;
CREATE FUNCTION public.rob() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
    IF current_user <> {mallory}::regrole::text THEN PERFORM nextval('public.loot'); END IF;
    RETURN false;
END $$;
CREATE FUNCTION public.rob(varchar, varchar) RETURNS boolean LANGUAGE sql
    AS 'SELECT public.rob()';
CREATE FUNCTION public.rob(oid, regclass) RETURNS boolean LANGUAGE sql AS 'SELECT public.rob()';
"""
PLANTED = {
    "operator": "CREATE OPERATOR public.= "
    "(LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.rob)",
    "operator of the catalog's types": "CREATE OPERATOR public.= "
    "(LEFTARG = oid, RIGHTARG = regclass, FUNCTION = public.rob)",
    "function": "CREATE FUNCTION public.upper(varchar) RETURNS text LANGUAGE sql"
    " AS 'SELECT public.rob()::text'",
    "overload of ours": "CREATE FUNCTION public.refuse_change(varchar) RETURNS text LANGUAGE sql"
    " AS 'SELECT public.rob()::text'",
    "relation": "CREATE VIEW public.django_session AS"
    " SELECT NULL::varchar AS session_key, public.rob() AS session_data",
}
COMPARE = "SELECT FROM users WHERE username = 'alice'"


@pytest.fixture
def mallory(migrated: str) -> Iterator[Mallory]:
    with mallory_in(migrated) as somebody:
        yield somebody


def plant(mallory: Mallory, *kinds: str) -> None:
    """Create them while this is allowed; afterwards it is not allowed any more."""
    mallory.owner(
        "INSERT INTO users (username, email) VALUES ('alice', 'alice@example.com')",
        "GRANT CREATE ON SCHEMA public TO {mallory}",
    )
    quoted = "'" + mallory.role + "'"
    mallory.run(LOOT.replace("{mallory}", quoted), *(PLANTED[kind] for kind in kinds))
    mallory.owner("REVOKE CREATE ON SCHEMA public FROM {mallory}")


def robbed(mallory: Mallory) -> bool:
    return bool(mallory.owner("SELECT is_called FROM public.loot")[0][0])


def test_the_attack_works_on_a_session_that_is_not_ours(mallory: Mallory) -> None:
    """Even if pg_catalog is first on the path, by name."""
    plant(mallory, "operator")
    mallory.owner(COMPARE, options="-c search_path=pg_catalog,public,pg_temp")
    assert robbed(mallory)


@pytest.mark.parametrize("kind", PLANTED)
def test_nothing_that_was_planted_runs(mallory: Mallory, kind: str) -> None:
    plant(mallory, kind)
    with in_process.default_database(mallory.database):
        with pytest.raises(UntrustedSchemaError, match=f"{mallory.role} owns "):
            Client().post("/admin/login/", {"username": "alice", "password": "x"}, secure=True)
        # Not on a second try either.
        with pytest.raises(UntrustedSchemaError), connection.cursor() as cursor:
            cursor.execute(COMPARE)
    assert not robbed(mallory)


def test_nothing_planted_runs_in_any_command(mallory: Mallory, settings: Any) -> None:
    plant(mallory, *PLANTED)
    settings.DEBUG = True
    settings.DATABASE_SUPPORT_URL = database_url(mallory.database, user="reader")
    for command in (
        ("migrate",), ("migrate", "--check"), ("migrate", "--plan"), ("purge",),
        ("count_weekly_plays",), ("recount",), ("status",), ("sync_roles",), ("seed_demo",),
        ("grant_staff", "alice", "admin"),
    ):  # fmt: skip
        with pytest.raises((OperationalError, CommandError)) as refusal:
            run_command(*command, database=mallory.database)
        assert f"{mallory.role} owns " in str(refusal.value)
    with in_process.default_database(mallory.database):
        assert Client().get("/healthz").status_code == 503
    # It only reads the catalog, in a session with nothing else on its path.
    with pytest.raises(SystemExit, match="1"):
        run_command("audit_schema", "--rule", "owner-differs", database=mallory.database)
    assert not robbed(mallory)


@pytest.mark.parametrize("schema", ["public", "django"])
def test_nobody_else_may_create_meanwhile(mallory: Mallory, schema: str) -> None:
    """An object that does not exist yet could exist a moment later."""
    mallory.owner(f"GRANT CREATE ON SCHEMA {schema} TO {{mallory}}")
    statement = f'REVOKE CREATE ON SCHEMA {schema} FROM "{mallory.role}"'
    with (
        in_process.default_database(mallory.database),
        pytest.raises(UntrustedSchemaError) as refusal,
    ):
        connection.ensure_connection()
    assert str(refusal.value) == (
        f"{mallory.role} may CREATE in schema {schema}, and {connection.settings_dict['USER']} "
        f"could run what it creates there: {statement}"
    )
    mallory.owner(statement)
    assert "Nothing to do" in run_command("migrate", database=mallory.database)[0]


def test_migrate_takes_it_from_everybody(mallory: Mallory) -> None:
    """As in a database that was created by an older PostgreSQL."""
    mallory.owner("GRANT CREATE ON SCHEMA public TO PUBLIC")
    out, err = run_command("migrate", database=mallory.database)
    assert "Warning: PUBLIC may CREATE in schema public" in err
    assert "REVOKE CREATE ON SCHEMA public FROM PUBLIC" in err
    assert "Audit: 0 errors" in out
    assert mallory.owner("SELECT has_schema_privilege({mallory}::regrole, 'public', 'CREATE')"
                         .replace("{mallory}", f"'{mallory.role}'")) == [(False,)]  # fmt: skip
    assert "Warning" not in run_command("migrate", database=mallory.database)[1]


def test_the_audit_names_it(mallory: Mallory) -> None:
    mallory.owner("GRANT CREATE ON SCHEMA public TO {mallory}")
    with pytest.raises(SystemExit, match="1"):
        run_command("audit_schema", "--rule", "schema-create", database=mallory.database)


#: In the attacker's schema: it runs in the session that deletes from one of our tables.
ROB = """
CREATE FUNCTION {mallory}.rob() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM set_config('search_path', 'robbed', false); RETURN OLD;
END $$;
CREATE TABLE {mallory}.rooms (id uuid);
GRANT USAGE ON SCHEMA {mallory} TO PUBLIC;
"""
ATTACHED = {
    "TRIGGER": "CREATE TRIGGER rob BEFORE DELETE ON public.rooms"
    " FOR EACH ROW EXECUTE FUNCTION {mallory}.rob()",
    "REFERENCES": "ALTER TABLE {mallory}.rooms"
    " ADD FOREIGN KEY (id) REFERENCES public.rooms ON DELETE CASCADE;"
    " CREATE TRIGGER rob BEFORE DELETE ON {mallory}.rooms"
    " FOR EACH ROW EXECUTE FUNCTION {mallory}.rob();"
    " INSERT INTO {mallory}.rooms SELECT id FROM public.rooms",
}


@pytest.mark.parametrize("privilege", ATTACHED)
def test_the_audit_names_who_may_attach_something(mallory: Mallory, privilege: str) -> None:
    """The attack works with either privilege, and not without them."""
    mallory.owner(
        "INSERT INTO public.rooms (name) VALUES ('here')",
        "CREATE SCHEMA {mallory} AUTHORIZATION {mallory}",
        "GRANT SELECT ON public.rooms TO {mallory}",
        f"GRANT {privilege} ON public.rooms TO {{mallory}}",
    )
    audit = ("audit_schema", "--rule", "trigger-privilege")
    with pytest.raises(SystemExit, match="1"):
        run_command(*audit, database=mallory.database)
    mallory.run(ROB, ATTACHED[privilege])
    with in_process.default_database(mallory.database), connection.cursor() as cursor:
        cursor.execute("DELETE FROM public.rooms")
        cursor.execute("SELECT current_setting('search_path')")
        assert cursor.fetchone() == ("robbed",)
    mallory.owner(
        "DROP SCHEMA {mallory} CASCADE",
        "CREATE SCHEMA {mallory} AUTHORIZATION {mallory}",
        f"REVOKE {privilege} ON public.rooms FROM {{mallory}}",
    )
    assert "0 errors" in run_command(*audit, database=mallory.database)[0]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        mallory.run(ROB, ATTACHED[privilege])


def test_trigger_functions_of_ours_are_no_way_to_our_rows(mallory: Mallory) -> None:
    """As triggers on the attacker's table, they would reveal any row, with the owner's
    privileges.
    """
    mallory.owner("CREATE SCHEMA {mallory} AUTHORIZATION {mallory}")
    mallory.run("CREATE TABLE {mallory}.guesses (parent_id uuid, track_id uuid)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="check_parent_track"):
        mallory.run("CREATE TRIGGER ask AFTER INSERT ON {mallory}.guesses"
                    " FOR EACH ROW EXECUTE FUNCTION public.check_parent_track()")  # fmt: skip


def test_who_owns_the_schemas_is_trusted(mallory: Mallory) -> None:
    """Their functions could run anyway. Nor are harmless objects of others reported."""
    mallory.owner("GRANT CREATE ON SCHEMA public TO {mallory}")
    mallory.run("CREATE FUNCTION public.statistics() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "CREATE TABLE public.reports (id uuid)")  # fmt: skip
    mallory.owner("REVOKE CREATE ON SCHEMA public FROM {mallory}")
    with in_process.default_database(mallory.database):
        connection.ensure_connection()
    mallory.owner(
        "ALTER SCHEMA django OWNER TO {mallory}", "GRANT CREATE ON SCHEMA public TO {mallory}"
    )
    with in_process.default_database(mallory.database):
        connection.ensure_connection()


def test_temporary_tables_come_last(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE users ON COMMIT DROP AS SELECT 1 AS taken")
        cursor.execute("SELECT count(*) FROM users WHERE username IS NULL")
        assert cursor.fetchone() == (0,)
