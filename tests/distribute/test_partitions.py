"""A log that is partitioned by month and distributed, with the SQL of docs/scale.md."""

import json
import re
from textwrap import dedent

import psycopg
import pytest

from benchmarks.admin.cases import list_of, page_of
from benchmarks.queries import samples
from benchmarks.queries.catalogue import QUERIES
from tests.distribute.test_afterwards import a_reader, asked
from tests.distribute.test_layouts import KEYS
from tests.in_process import default_database
from tests.staff import make_user, signed_in
from tests.support import ROOT, is_one_clear_line
from veza_core.models import UserRole
from veza_streaming.models import TrackPlay

PAGE = (ROOT / "docs/scale.md").read_text("utf-8")
[SECTION] = re.findall(r"^### Logs by month as well$.*?(?=^### )", PAGE, re.M | re.S)
#: The page's blocks of SQL and of TOML, in order.
MAKE, CRON, LAST, EXCEPTION, BACK = (
    dedent(block) for block in re.findall(r"(?:^ {4,}\S.*\n)+", SECTION, re.M)
)
PLAY = """
INSERT INTO track_plays (track_id, created_at)
SELECT id, now() + %s::interval FROM tracks LIMIT 1 RETURNING id
"""
REFERRING = "DELETE FROM tracks WHERE id = (SELECT track_id FROM track_plays LIMIT 1) RETURNING id"


def run(node, block):
    """Run it as psql does: one statement after another."""
    for statement in re.split(r"(?<=;)\n", block.strip()):
        node.session.execute(statement)


def plays(node):
    """The number of plays, and a checksum of them."""
    return node.rows(
        "SELECT count(*), sum(hashtextextended(row.*::text, 0)) FROM (TABLE track_plays) AS row"
    )


@pytest.fixture(scope="module")
def by_month(filled):
    """Layout L, then the page's SQL.

    Also the queries' parameters, and their results and the state before it.
    """
    drawn = {query.name: samples.draw(filled.session, query, 3) for query in QUERIES}
    answers = asked(filled.session, drawn)
    before = filled.rows(KEYS), plays(filled)
    filled.done("distribute", "--shards", "4", "--verbosity", "0")
    run(filled, MAKE)
    return filled, drawn, answers, before


def test_the_hot_queries_answer_the_same(by_month, subtests):
    node, drawn, answers, (_, all_plays) = by_month
    assert plays(node) == all_plays
    after = asked(node.session, drawn)
    for query in QUERIES:
        with subtests.test(query.name):
            if query.writes:
                assert not [each for each in after[query.name] if isinstance(each, str)]
            else:
                assert after[query.name] == answers[query.name]


def test_the_pages_of_plays(by_month):
    node, *_ = by_month
    with default_database(node.url):
        client = signed_in(make_user("staff", role=UserRole.SUPER_ADMIN))
        play = node.value("SELECT id FROM track_plays LIMIT 1")
        for page in (list_of("admin", TrackPlay), page_of("admin", TrackPlay, play)):
            assert client.get(page).status_code == 200
    node.session.execute("DELETE FROM users WHERE username = 'staff'")


def test_the_role_that_reads(by_month):
    """It can read the table, but cannot read a partition directly."""
    node, *_ = by_month
    [partition] = node.rows("SELECT max(partition::text) FROM time_partitions")[0]
    with a_reader(node) as session:
        assert session.execute("SELECT count(*) FROM public.track_plays").fetchone() == (600,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"SELECT FROM public.{partition}")


def test_the_audit_finds_what_the_page_says(by_month, tmp_path):
    node, *_ = by_month
    result = node.manage("audit_schema", "--format", "json")
    findings = json.loads(result.stdout)["findings"]
    errors = {each["rule"] for each in findings if each["severity"] == "error"}
    assert errors == {"drift"}
    assert all(each["object"].startswith("public.track_plays") for each in findings)
    accepted = tmp_path / "accepted.toml"
    accepted.write_text(EXCEPTION, "utf-8")
    result = node.manage("audit_schema", "--exceptions", str(accepted))
    assert result.returncode == 0, result.stdout
    assert "0 errors and 0 warnings" in result.stdout
    told = " ".join(result.stdout.split())
    assert "Exception to rule 1: the key of track_plays contains its partition key." in told


def test_cron_makes_months_ahead_and_drops_old_ones(by_month):
    """Only older months are dropped. Plays of a month without a partition are refused."""
    node, *_ = by_month
    late = "4 months"
    with pytest.raises(psycopg.errors.CheckViolation, match="no partition of relation"):
        node.rows(PLAY, late)
    # As cron does on a later day.
    run(node, CRON.replace("+ '3 months'", "+ '5 months'"))
    assert node.rows(PLAY, late)
    [(last,)] = node.rows(LAST)
    assert last > node.value("SELECT now() + interval '5 months'")
    oldest = "SELECT now() - interval '14 months' <= min(created_at), count(*) FROM track_plays"
    [(is_kept, kept)] = node.rows(oldest)
    assert is_kept
    assert kept
    assert node.value(
        "SELECT count(*) FROM track_plays WHERE created_at < now() - interval '1 year'"
    )


def test_a_track_takes_its_plays_along(by_month):
    node, *_ = by_month
    [(track,)] = node.rows(REFERRING)
    assert node.value("SELECT count(*) FROM track_plays WHERE track_id = %s", track) == 0


@pytest.mark.parametrize(
    "command",
    ["purge", "count_weekly_plays", "recount", "distribute --sweep", "migrate --no-audit"],
)
def test_the_commands(by_month, command):
    node, *_ = by_month
    node.done(*command.split())


def test_purge_deletes_by_age_too(by_month, settings):
    node, *_ = by_month
    settings.PURGE_AFTER_DAYS = {**settings.PURGE_AFTER_DAYS, "plays": 90}
    old = "SELECT count(*) FROM track_plays WHERE created_at < now() - interval '90 days'"
    assert node.value(old)
    node.done("purge", "--verbosity", "0")
    assert node.value(old) == 0


def test_the_way_back(by_month):
    node, *_, (keys, _) = by_month
    refused = node.manage("distribute", "--undo")
    assert is_one_clear_line(refused), refused.stderr
    assert "track_plays is partitioned" in refused.stderr
    before = plays(node)
    run(node, BACK)
    assert plays(node) == before
    node.session.execute("DELETE FROM track_plays WHERE created_at > now()")
    assert "Audit: 0 errors and 0 warnings" in node.done("distribute", "--undo")
    assert node.rows(KEYS) == keys
