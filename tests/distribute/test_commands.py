"""The other commands on a distributed database."""

import pytest

from tests.distribute.nodes import database_on_all_nodes
from tests.distribute.test_layouts import KEYS, SPREAD, fingerprints

COLUMN = "ALTER TABLE track_plays ADD COLUMN volume smallint"


def test_demo_rows_go_in_and_are_counted(filled):
    filled.done("distribute", "--shards", "4", "--verbosity", "0")
    plays = filled.value("SELECT count(*) FROM track_plays")
    result = filled.manage("seed_demo", "--append", "--verbosity", "0", "--users", "100")
    assert (result.returncode, result.stderr) == (0, "")
    assert filled.value("SELECT count(*) FROM track_plays") > plays
    filled.done("count_weekly_plays", "--verbosity", "0")
    counted = filled.rows("SELECT id, weekly_play_count FROM tracks WHERE weekly_play_count > 0")
    plays = dict(
        filled.rows(
            "SELECT track_id, count(*) FROM track_plays "
            "WHERE created_at > CURRENT_TIMESTAMP - interval '7 days' "
            "AND created_at <= CURRENT_TIMESTAMP GROUP BY 1"
        )
    )
    # The command stores the counts of at most 1,000 tracks.
    assert dict(counted).items() <= plays.items()
    assert len(counted) == min(1000, len(plays))
    assert "Nothing to do: every migration is applied." in filled.done("migrate")


def test_a_later_release_changes_a_spread_table(filled):
    with filled.session.transaction(force_rollback=True):
        filled.session.execute(COLUMN)
        filled.session.execute("CREATE INDEX idx_track_plays_volume ON track_plays (volume)")
        filled.session.execute("COMMENT ON COLUMN track_plays.volume IS 'How loud'")
        assert filled.value("SELECT count(volume) FROM track_plays") == 0


def test_a_change_that_nobody_made_is_still_found(filled):
    """`distribute` changes the recorded catalog only where the layout differs."""
    filled.session.execute("DROP TRIGGER track_plays_user_id_on_delete ON users")
    result = filled.manage("audit_schema")
    assert result.returncode == 1
    # At 80 columns, the kind of the object is on the next line.
    assert "public.users.track_plays_user_id_on_delete" in result.stdout
    assert "public.track_plays.user_id" in result.stdout
    filled.session.execute(
        "CREATE TRIGGER track_plays_user_id_on_delete AFTER DELETE ON users "
        "REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION "
        "django.apply_on_delete('track_plays', 'user_id', 'SET NULL')"
    )
    assert "0 errors and 0 warnings" in filled.done("audit_schema")


def test_log_of_a_backup_and_its_result(filled, tmp_path):
    before = fingerprints(filled)
    told = filled.done("backup_db", str(tmp_path / "spread.dump"))
    assert "track_plays are on other nodes. Their rows may be from another moment" in told
    result = filled.manage("restore_db", "--replace", "--noinput", str(tmp_path / "spread.dump"))
    assert result.returncode == 0, result.stderr
    assert (
        "The backup is from a distributed database. manage.py distribute distributes"
        in result.stderr
    )
    assert filled.rows(SPREAD) == []
    assert fingerprints(filled) == before
    filled.done("distribute", "--shards", "4", "--verbosity", "0")
    assert len(filled.rows(SPREAD)) == 4
    assert fingerprints(filled) == before


def test_a_restored_backup_on_one_server(filled, tmp_path):
    filled.done("backup_db", str(tmp_path / "spread.dump"), "--verbosity", "0")
    filled.manage("restore_db", "--replace", "--noinput", str(tmp_path / "spread.dump"))
    before = fingerprints(filled)
    assert "Audit: 0 errors and 0 warnings" in filled.done("distribute", "--undo")
    assert len(filled.rows(KEYS)) == 47
    assert fingerprints(filled) == before


@pytest.mark.parametrize("layout", ["L", "A"])
def test_reset(citus, layout):
    with database_on_all_nodes() as node:
        node.done("migrate", "--verbosity", "0")
        node.done("distribute", "--layout", layout, "--shards", "4", "--verbosity", "0")
        node.session.execute("INSERT INTO users (email, username) VALUES ('a@example.com', 'aaa')")
        node.done("reset_db", "--noinput", "--verbosity", "0")
        assert node.rows("SELECT FROM pg_dist_partition") == []
        assert node.value("SELECT count(*) FROM users") == 0
        assert "0 errors and 0 warnings" in node.done("audit_schema")
