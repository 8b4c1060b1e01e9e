"""The exceptions file: accepted findings, expired and unused exceptions, malformed files."""

from datetime import date
from pathlib import Path

import psycopg
import pytest

from veza_core.schema.audit.engine import audit
from veza_core.schema.audit.exceptions import ExceptionsError, read_exceptions
from veza_core.schema.audit.rules import ALL_RULES, CATALOG_RULES

TODAY = date(2026, 6, 15)


def entry(rule="junction-soft-delete", name="public.playlist_tracks", expires="2026-06-15"):
    return (
        f'[[exception]]\nrule = "{rule}"\nobject = "{name}"\n'
        f'reason = "Looked at."\nexpires = {expires}\n'
    )


@pytest.fixture
def run(lab, tmp_path):
    """Audit the lab database with this exceptions file; return the findings."""

    def run(text, rules=CATALOG_RULES, schemas=("public",)):
        path = tmp_path / "exceptions.toml"
        path.write_text(text)
        with psycopg.connect(lab) as connection:
            report = audit(
                connection, schemas, rules,
                exceptions=read_exceptions(path, ALL_RULES), today=TODAY,
            )  # fmt: skip
        return [(each.rule.id, each.object) for each in report.findings]

    return run


FOUND = ("junction-soft-delete", "public.playlist_tracks")


def test_exception_excuses_one_finding(run):
    without, with_one = run(""), run(entry())
    assert FOUND in without
    assert sorted(without) == sorted([*with_one, FOUND])


def test_exception_past_its_date_is_a_finding_and_excuses_nothing(run):
    findings = run(entry(expires="2026-06-14"))
    assert FOUND in findings
    assert ("exception-expired", " ".join(FOUND)) in findings


def test_exception_that_excuses_nothing_is_a_finding(run):
    findings = run(entry(name="public.users"))
    assert ("exception-unused", "junction-soft-delete public.users") in findings


def test_exception_is_not_unused_where_its_rule_or_schema_was_not_audited(run):
    [only] = [rule for rule in CATALOG_RULES if rule.id == "pk-missing"]
    assert run(entry(name="public.users"), rules=[only]) == []
    assert run(entry("pk-missing", "pg_catalog.users"), rules=[only]) == []
    assert run(entry("pk-missing", "public.users"), rules=[only]) == [
        ("exception-unused", "pk-missing public.users")
    ]


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("junction-softdelete", "public.playlist_tracks"),
        ("Junction-Soft-Delete", "public.playlist_tracks"),
        (" junction-soft-delete", "public.playlist_tracks"),
        ("junction-*-delte", "public.playlist_tracks"),
        ("junction-soft-delete", "pubilc.playlist_tracks"),
        ("junction-soft-delete", "playlist_tracks"),
        ("junction-soft-delete", "public.playlist_track"),
        ("junction-soft-delete", "Public.Playlist_Tracks"),
        ("junction-soft-delete", "public.playlist_tracks "),
        ("junction-soft-delete", "*.playlists_*"),
        ("fk-missing", "public.track_plays.userid"),
    ],
)
def test_a_typo_is_a_finding(run, rule, name):
    findings = run(entry(rule, name))
    assert FOUND in findings
    assert ("exception-unused", f"{rule} {name}") in findings


def test_star_stands_for_any_text(run):
    without = run("")
    for rule, name in (("fk-missing", "public.track_*"), ("fk-*", "*"), ("*", "public.users.*")):
        start, end = name.partition("*")[0], rule.partition("*")[0]
        wanted = [(each, what) for each, what in without
                  if not (each.startswith(end) and what.startswith(start))]  # fmt: skip
        assert len(wanted) < len(without)
        assert run(entry(rule, name)) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[exception]\n", "at line 1"),
        ("[other]\n", "only [[exception]] tables"),
        ('exception = "x"\n', "only [[exception]] tables"),
        ("exception = [1]\n", "must have exactly rule, object, reason, expires"),
        ('[[exception]]\nrule = "pk-missing"\n', "must have exactly rule, object, reason, expires"),
        (entry() + "more = 1\n", "must have exactly rule, object, reason, expires"),
        (entry(expires='"2026-01-01"'), "expires must be a date"),
        (entry(expires="2026-01-01T00:00:00Z"), "expires must be a date"),
        (entry().replace("Looked at.", " "), "reason is empty"),
        (entry().replace('"Looked at."', "1"), "reason must be a text"),
        (entry() + entry(), "exception 2: appears twice"),
        (b"\xff", "utf-8"),
    ],
)
def test_malformed_file_is_one_clear_line(tmp_path, text, message):
    path = tmp_path / "exceptions.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ExceptionsError) as error:
        read_exceptions(path, ALL_RULES)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_file_is_one_clear_line(tmp_path):
    with pytest.raises(ExceptionsError, match="No such file"):
        read_exceptions(tmp_path / "none.toml", ALL_RULES)


def test_the_projects_own_file_is_in_order():
    path = Path(__file__).parents[2] / "schema_audit.toml"
    read_exceptions(path, ALL_RULES)
