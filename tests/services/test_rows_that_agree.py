"""A reply is on its parent's track, and the version of a stream or job belongs to the same track.

For any statement of a service: each case is a statement with a placeholder for a track. It succeeds
with the right track, and is refused with another one.
"""

import uuid

import psycopg
import pytest

from tests.services.conftest import LONGEST, new_track, wait_until
from tests.support import administer, server_parameters

proves = pytest.mark.proves
pytestmark = proves(
    "- Rule 4: two kinds of checks are triggers, because they read another row, or the old "
    "one ([ADR 2](adr/0002-foreign-keys-in-the-database.md)). *same track*, named "
    "`chk_<table>_<column>_track`: the referenced row has the same `track_id`. *kept*: "
    "neither the column nor `id` ever changes. Like every check, they end the statement with "
    "SQLSTATE 23514, and the error names the constraint."
)

COMMENT = (
    "INSERT INTO track_comments (track_id, user_id, content) VALUES ($1, $2, 'x') RETURNING id"
)
VERSION = """INSERT INTO track_versions (track_id, version_number, file_path)
VALUES ($1, $2, 'f') RETURNING id"""

#: `of` is the track in question, `there` a comment on it, `parent` a comment on the first track.
REPLIES = {
    "INSERT": """INSERT INTO track_comments (track_id, user_id, parent_id, content)
        VALUES ('{of}', '{user}', '{parent}', 'x')""",
    "a statement of ours": """WITH added AS (
        INSERT INTO track_comments (track_id, user_id, parent_id, content)
        VALUES ('{of}', '{user}', '{parent}', 'x') RETURNING track_id)
        UPDATE tracks SET comment_count = comment_count + 1
        FROM added WHERE tracks.id = added.track_id""",
    "INSERT of a parent and its reply": """INSERT INTO track_comments
        (id, track_id, user_id, parent_id, content)
        VALUES ('{new}', '{track}', '{user}', NULL, 'x'),
            (gen_random_uuid(), '{of}', '{user}', '{new}', 'x')""",
    "INSERT of a reply and its parent": """INSERT INTO track_comments
        (id, track_id, user_id, parent_id, content)
        VALUES (gen_random_uuid(), '{of}', '{user}', '{new}', 'x'),
            ('{new}', '{track}', '{user}', NULL, 'x')""",
    "INSERT … SELECT": """INSERT INTO track_comments (track_id, user_id, parent_id, content)
        SELECT '{of}', user_id, id, content FROM track_comments WHERE id = '{parent}'""",
    "WITH": """WITH parent AS (INSERT INTO track_comments (track_id, user_id, content)
            VALUES ('{track}', '{user}', 'x') RETURNING *)
        INSERT INTO track_comments (track_id, user_id, parent_id, content)
        SELECT '{of}', user_id, id, content FROM parent""",
    "ON CONFLICT DO UPDATE": """INSERT INTO track_comments (id, track_id, user_id, content)
        VALUES ('{there}', '{of}', '{user}', 'x')
        ON CONFLICT (id) DO UPDATE SET parent_id = '{parent}'""",
    "UPDATE": "UPDATE track_comments SET parent_id = '{parent}' WHERE id = '{there}'",
    "UPDATE of all columns": """UPDATE track_comments SET (track_id, user_id, parent_id, content)
        = ROW ('{of}', '{user}', '{parent}', 'x') WHERE id = '{there}'""",
    "MERGE": """MERGE INTO track_comments USING (VALUES ('{there}'::uuid)) AS this (id)
        ON track_comments.id = this.id WHEN MATCHED THEN UPDATE SET parent_id = '{parent}'""",
    "PL/pgSQL": """DO $$ BEGIN INSERT INTO track_comments (track_id, user_id, parent_id, content)
        VALUES ('{of}', '{user}', '{parent}', 'x'); END $$""",
}
#: Of both tables; `there` is a row of the track `of`, `versioned` one of the version's.
VERSIONS = {
    "INSERT": "INSERT INTO {table} (track_id, track_version_id) VALUES ('{of}', '{version}')",
    "ON CONFLICT DO UPDATE": """INSERT INTO {table} (id, track_id) VALUES ('{there}', '{of}')
        ON CONFLICT (id) DO UPDATE SET track_version_id = '{version}'""",
    "UPDATE of the version": """UPDATE {table} SET track_version_id = '{version}'
        WHERE id = '{there}'""",
    "UPDATE of the track": "UPDATE {table} SET track_id = '{of}' WHERE id = '{versioned}'",
    "MERGE": """MERGE INTO {table} USING (VALUES ('{there}'::uuid)) AS this (id)
        ON {table}.id = this.id WHEN MATCHED THEN UPDATE SET track_version_id = '{version}'""",
}
#: `of` is the track that the row gets.
MOVES = {
    "UPDATE": "UPDATE {table} SET track_id = '{of}' WHERE id = '{row}'",
    "MERGE": """MERGE INTO {table} USING (VALUES ('{row}'::uuid)) AS this (id)
        ON {table}.id = this.id WHEN MATCHED THEN UPDATE SET track_id = '{of}'""",
}


@pytest.fixture
def other(first, user):
    return new_track(first, user)


@pytest.fixture
def parent(first, track, user):
    return first.one(COMMENT, track, user)


def refused(session, statement, constraint, table):
    """The error is what a client maps: a code, names, and one line."""
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        session.execute(statement)
    diag = caught.value.diag
    assert (diag.constraint_name, diag.schema_name, diag.table_name) == (
        constraint, "public", table)  # fmt: skip
    assert "\n" not in diag.message_primary
    assert diag.message_detail is None
    return diag.message_primary


# Each statement ---------------------------------------------------------------------------------


@pytest.mark.parametrize("case", REPLIES)
def test_a_reply_is_of_its_parents_track(first, user, track, other, parent, case):
    def statement(of):
        there = first.one(COMMENT, of, user)
        names = {"of": of, "there": there, "new": uuid.uuid4(), "parent": parent}
        return REPLIES[case].format(user=user, track=track, **names)

    said = refused(first, statement(other), "chk_track_comments_parent_id_track", "track_comments")

    assert said == "a reply must be on the same track as the comment that it answers"
    first.execute(statement(track))


@pytest.mark.parametrize("table", ["hls_streams", "hls_transcode_queue"])
@pytest.mark.parametrize("case", VERSIONS)
def test_a_version_is_of_the_track(first, track, other, table, case):
    version = first.one(VERSION, track, 1)
    add = f"INSERT INTO {table} (track_id, track_version_id) VALUES ($1, $2) RETURNING id"
    versioned = first.one(add, track, first.one(VERSION, track, 2))

    def statement(of):
        there = first.one(add, of, None)
        return VERSIONS[case].format(
            table=table, of=of, version=version, there=there, versioned=versioned
        )

    said = refused(first, statement(other), f"chk_{table}_track_version_id_track", table)

    assert said == "a stream or job must have the same track as its version"
    first.execute(statement(track))


@pytest.mark.parametrize("table", ["track_comments", "track_versions"])
@pytest.mark.parametrize("case", MOVES)
def test_what_others_refer_to_keeps_its_track(first, user, track, other, table, case):
    row = first.one(*((COMMENT, track, user) if table == "track_comments" else (VERSION, track, 1)))

    said = refused(
        first, MOVES[case].format(table=table, of=other, row=row), f"chk_{table}_track_id", table
    )

    assert said == f"the id and the track of a row of {table} cannot change"
    first.execute(MOVES[case].format(table=table, of=track, row=row))


def test_a_comment_does_not_take_the_id_of_another_one(first, user, track, other, parent):
    """No foreign key would refuse it: when the statement ends, there is a row with that id."""
    elsewhere = first.one(COMMENT, other, user)
    first.run("AddComment", track, user, parent, "Yes", None)

    exchange = f"""UPDATE track_comments
        SET id = CASE id WHEN '{parent}' THEN gen_random_uuid() ELSE '{parent}'::uuid END
        WHERE id IN ('{parent}', '{elsewhere}')"""
    refused(first, exchange, "chk_track_comments_track_id", "track_comments")


def test_rows_of_a_copy(first, user, track, other):
    """A reply may come before its parent, as in a dump."""

    def copied(of):
        new = uuid.uuid4()
        with first.connection.cursor().copy(
            "COPY track_comments (id, track_id, user_id, parent_id, content) FROM STDIN"
        ) as copy:
            copy.write_row((uuid.uuid4(), of, user, new, "x"))
            copy.write_row((new, track, user, None, "x"))

    with pytest.raises(psycopg.errors.CheckViolation, match="on the same track"):
        copied(other)
    copied(track)


# Whoever writes ---------------------------------------------------------------------------------


def test_who_may_insert_need_not_read(first, services, user, track, other, parent):
    """The writer's search path makes no difference."""
    role = f"veza_writer_{uuid.uuid4().hex[:12]}"
    administer(f"CREATE ROLE {role}")
    try:
        first.execute(f"GRANT INSERT ON track_comments TO {role}")
        first.execute(f"GRANT TEMPORARY ON DATABASE {services} TO {role}")
        first.execute(f"SET ROLE {role}")
        first.execute("CREATE TEMPORARY TABLE track_comments (id uuid, track_id uuid)")
        add = f"""INSERT INTO public.track_comments (track_id, user_id, parent_id, content)
            VALUES ('{{of}}', '{user}', '{parent}', 'x')"""

        refused(first, add.format(of=other), "chk_track_comments_parent_id_track", "track_comments")
        first.execute(add.format(of=track))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            first.execute("SELECT FROM public.track_comments")
    finally:
        first.execute("RESET ROLE")
        first.execute(f"DROP OWNED BY {role}")
        administer(f"DROP ROLE {role}")


# Two at once ------------------------------------------------------------------------------------


def test_a_parent_cannot_move_while_it_is_answered(first, second, user, track, other, parent):
    """It is refused at once: it does not wait for the transaction of the reply."""
    first.begin()
    first.run("AddComment", track, user, parent, "Yes", None)

    move = MOVES["UPDATE"].format(table="track_comments", of=other, row=parent)
    refused(second, move, "chk_track_comments_track_id", "track_comments")

    first.commit()


def test_a_parent_that_is_deleted_meanwhile(first, second, user, track, other, parent):
    """Also if it is inserted again on another track: the foreign key refuses, then the trigger."""
    answer = REPLIES["INSERT"].format(of=track, user=user, parent=parent)
    first.begin()
    first.execute("DELETE FROM track_comments WHERE id = $1", parent)
    first.execute(
        "INSERT INTO track_comments (id, track_id, user_id, content) VALUES ($1, $2, $3, 'x')",
        parent, other, user,
    )  # fmt: skip
    added = second.start(second.execute, answer)
    wait_until(second.waits)
    first.commit()

    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        added.result(LONGEST)
    refused(second, answer, "chk_track_comments_parent_id_track", "track_comments")


def test_a_parent_that_is_deleted_after_its_reply(first, second, user, track, parent):
    first.begin()
    reply = first.run("AddComment", track, user, parent, "Yes", None)[0]
    deleted = second.start(second.execute, "DELETE FROM track_comments WHERE id = $1", parent)
    wait_until(second.waits)
    first.commit()
    deleted.result(LONGEST)

    assert first.one("SELECT parent_id IS NULL FROM track_comments WHERE id = $1", reply)


def test_a_version_that_is_deleted_leaves_its_stream(first, track):
    version = first.one(VERSION, track, 1)
    stream = first.run("CreateStream", track, version)[0]
    first.execute("DELETE FROM track_versions WHERE id = $1", version)

    assert first.one("SELECT track_version_id IS NULL FROM hls_streams WHERE id = $1", stream)


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_in_a_snapshot(first, services, user, track, other, parent, level):
    """The trigger sees the same rows as the foreign key."""
    first.execute(f"BEGIN ISOLATION LEVEL {level}")
    first.execute(REPLIES["INSERT"].format(of=track, user=user, parent=parent))
    with psycopg.connect(**server_parameters(), dbname=services, autocommit=True) as another:
        late = another.execute(
            COMMENT.replace("$1", "%s").replace("$2", "%s"), [other, user]
        ).fetchone()[0]
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        first.execute(REPLIES["INSERT"].format(of=track, user=user, parent=late))
    first.execute("ROLLBACK")
