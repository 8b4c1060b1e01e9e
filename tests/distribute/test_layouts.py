"""`distribute` and `--undo` keep rows, rules and comments, except those that the audit names."""

import pytest

from veza_core.operations.distribute.logs import declared_logs

LOGS = ("bitrate_adaptation_logs", "playback_analytics", "track_history", "track_plays")
SPREAD = "SELECT logicalrelid::text FROM pg_dist_partition WHERE partmethod = 'h' ORDER BY 1"
COPIED = """
SELECT logicalrelid::text FROM pg_dist_partition
WHERE partmethod = 'n' AND repmodel = 't' ORDER BY 1
"""
KEYS = """
SELECT conname, pg_get_constraintdef(pg_constraint.oid), convalidated FROM pg_constraint
JOIN pg_class ON pg_class.oid = conrelid  -- Citus hides its shards there.
WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY conname
"""
SETTING = """
SELECT setting FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase,
    unnest(setconfig) AS setting
WHERE datname = current_database() AND setting LIKE 'citus.%'
"""
TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""


def fingerprints(node):
    """The number of rows of each table, and a checksum of them."""
    return {
        name: node.rows(
            f"SELECT count(*), sum(hashtextextended(row.*::text, 0)) FROM (TABLE {name}) AS row"
        )
        for (name,) in node.rows(TABLES)
    }


@pytest.fixture(scope="module")
def before(filled):
    return fingerprints(filled), filled.rows(KEYS)


def test_the_logs_are_those_whose_rows_are_purged_by_age():
    assert declared_logs() == list(LOGS)


def test_a_dry_run_prints_the_statements_and_changes_nothing(filled, before):
    printed = filled.done("distribute", "--dry-run")
    for log in LOGS:
        assert (
            f"SELECT create_distributed_table('public.{log}', 'id', shard_count => 32);" in printed
        )
    assert "ALTER TABLE public.track_plays DROP CONSTRAINT track_plays_track_id_fkey" in printed
    assert filled.rows(SPREAD) == []
    assert filled.rows(KEYS) == before[1]


def test_layout_l_spreads_the_logs_and_nothing_else(filled, before):
    printed = filled.done("distribute", "--shards", "8")
    assert [name for (name,) in filled.rows(SPREAD)] == list(LOGS)
    assert filled.rows(COPIED) == []
    assert fingerprints(filled) == before[0]
    # create_distributed_table leaves the rows in the coordinator's table; distribute removes them.
    assert {filled.value("SELECT pg_relation_size(%s::regclass)", log) for log in LOGS} == {0}
    assert "Audit: 0 errors and 0 warnings" in printed
    note = (
        "Exception to rule 3: triggers of tracks, user_sessions, users do ON DELETE for 10 "
        "foreign keys, and inserts are not checked. There is no other exception."
    )
    assert note in printed
    assert note in " ".join(filled.done("audit_schema").split())


def test_a_second_run_does_nothing(filled):
    assert "Nothing to do." in filled.done("distribute")


def test_the_other_layout_comes_after_undo(filled):
    result = filled.manage("distribute", "--layout", "A")
    assert result.returncode == 1
    assert result.stderr == (
        "CommandError: the database is distributed by layout L: run distribute --undo first\n"
    )


def test_undo_brings_rows_keys_and_comments_back(filled, before):
    printed = filled.done("distribute", "--undo")
    assert filled.rows("SELECT FROM pg_dist_partition") == []
    assert (fingerprints(filled), filled.rows(KEYS)) == before
    assert "Audit: 0 errors and 0 warnings" in printed
    assert "distributed" not in printed
    assert filled.value("SELECT to_regprocedure('django.apply_on_delete()')") is None
    assert "Nothing to do." in filled.done("distribute", "--undo")


def test_layout_a_keeps_every_rule(filled, before):
    printed = filled.done("distribute", "--layout", "A", "--shards", "4")
    assert [name for (name,) in filled.rows(SPREAD)] == list(LOGS)
    assert filled.rows(COPIED) == [("tracks",), ("user_sessions",), ("users",)]
    assert (fingerprints(filled), filled.rows(KEYS)) == before
    assert "There is no exception to the Standard." in printed
    assert "Audit: 0 errors and 0 warnings" in printed


def test_layout_a_goes_back_too(filled, before):
    assert filled.rows(SETTING) == [("citus.multi_shard_modify_mode=sequential",)]
    assert "Audit: 0 errors and 0 warnings" in filled.done("distribute", "--undo")
    assert filled.rows(SETTING) == []
    assert filled.rows("SELECT FROM pg_dist_partition") == []
    assert (fingerprints(filled), filled.rows(KEYS)) == before
