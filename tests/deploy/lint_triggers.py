"""Triggers of later releases that `lint_migrations` must accept or refuse."""

from itertools import count

from django.db.migrations import RunSQL

from tests.deploy.lint_refused import in_plpgsql

NUMBERS = count(1)


def fires(body, on="AFTER INSERT ON tracks", each="FOR EACH ROW", declare=""):
    """A trigger, and its function with this body."""
    name = f"fired_{next(NUMBERS)}"
    return [
        RunSQL(
            [
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ {declare} BEGIN {body}; RETURN NULL; END $$"
            ]
        ),
        RunSQL(f"CREATE TRIGGER {name} {on} {each} EXECUTE FUNCTION {name}()"),
    ]


ALL_ROWS = "UPDATE users SET login_count = 0"
#: Triggers that write rows unrelated to the row that fires them; each is the operations of a
#: migration.
STRANGE_TRIGGERS = {
    "all rows": fires(ALL_ROWS),
    "a row's value to all": fires("UPDATE public.users SET login_count = NEW.like_count"),
    "a loop": fires(
        "FOR r IN SELECT id FROM users LOOP UPDATE users SET login_count = 0 "
        "WHERE id = r.id; END LOOP",
        declare="DECLARE r record;",
    ),
    "a condition": fires("IF true THEN DELETE FROM track_plays WHERE created_at < now(); END IF"),
    "a copy": fires("INSERT INTO track_shares (track_id) SELECT id FROM tracks"),
    "a text that does not say so": fires("EXECUTE 'DEL' || 'ETE FROM track_plays'"),
    "of statements": fires(ALL_ROWS, each="FOR EACH STATEMENT"),
    "a call": [RunSQL([in_plpgsql(ALL_ROWS, "outer_one")]), *fires("PERFORM outer_one()")],
    "a call in capitals, of a name with two definitions": [
        RunSQL(
            [
                in_plpgsql(ALL_ROWS, "doubled"),
                "CREATE FUNCTION doubled(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2'",
            ]
        ),
        *fires("PERFORM DOUBLED()"),
    ],
    "a table of its own": [
        RunSQL("CREATE TABLE gate (n int)"),
        *fires("FOR i IN 1..9 LOOP UPDATE tracks SET title = ''; END LOOP", "AFTER INSERT ON gate"),
        RunSQL("DROP TABLE gate"),
    ],
    "a view": [
        RunSQL("CREATE VIEW v AS SELECT id FROM tracks"),
        *fires("DELETE FROM tracks", "INSTEAD OF DELETE ON v"),
    ],
    "a function that a trigger calls, replaced": [
        RunSQL([in_plpgsql("RETURN 1", "inner_one")]),
        *fires("PERFORM inner_one()"),
        RunSQL([in_plpgsql(ALL_ROWS, "inner_one").replace("CREATE", "CREATE OR REPLACE")]),
    ],
}
