"""The command: its output, its connection, and its exit status."""

import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command

from tests import forked
from tests.counts import TABLES
from veza_core.management.commands.audit_schema import Command
from veza_core.schema.audit.pages import page, pages
from veza_core.schema.audit.rules import ALL_RULES, CATALOG_RULES

ROOT = Path(__file__).parents[2]


def run(*arguments):
    """Call the command; return its exit status and its output."""
    out = io.StringIO()
    try:
        call_command("audit_schema", *arguments, stdout=out)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


def fails(*arguments):
    """Call the command, which cannot run; return its message."""
    with pytest.raises(CommandError) as error:
        call_command("audit_schema", *arguments, stdout=io.StringIO())
    assert error.value.returncode == 2
    assert "\n" not in str(error.value)
    return str(error.value)


def manage(*arguments, **environment):
    """Run manage.py as a shell does, without the width of pytest-xdist's terminal."""
    inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return forked.run(
        ROOT / "manage.py", ("audit_schema", *arguments), {**inherited, **environment}
    )


def test_own_database_is_the_default(v1):
    status, text = run("--format", "json")
    assert status == 0
    assert json.loads(text)["database"] == psycopg.conninfo.conninfo_to_dict(v1)["dbname"]
    assert json.loads(text)["tables"] == TABLES


def test_status_is_1_with_findings(lab):
    status, text = run("--url", lab)
    assert status == 1
    assert "junction-soft-delete" in text


@pytest.mark.process
def test_process_exits_with_the_status(v1, lab):
    clean = manage("--url", v1)
    assert (clean.returncode, clean.stderr) == (0, "")
    found = manage("--url", lab, "--format", "github")
    assert (found.returncode, found.stderr) == (1, "")
    broken = manage("--url", "postgresql://nobody@127.0.0.1:1/none")
    assert broken.returncode == 2
    assert broken.stdout == ""
    assert broken.stderr.startswith("CommandError: the database cannot be audited: connection")
    assert "Traceback" not in broken.stderr
    wrong = manage("--format", "yaml")
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr


@pytest.mark.process
def test_piped_output_has_no_colour_and_a_sane_width(lab):
    text = manage("--url", lab).stdout
    assert "\x1b" not in text
    assert 80 < max(map(len, text.split("\n"))) <= 120


@pytest.mark.process
def test_a_terminal_that_is_not_utf8_is_no_error(make_database):
    url = make_database("audit_signs")
    with psycopg.connect(url) as connection:
        connection.execute('CREATE TABLE "größe 🎵" (id uuid)')
    # Python reads it when it starts.
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", "audit_schema", "--url", url],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "gr\\xf6\\xdfe" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", "mysql://u@h/d"], "--url has the scheme mysql"),
        (["--url", "nonsense"], "--url is not a URL"),
        (["--url", "postgresql://h"], "--url does not name a database"),
        (["--url", "postgresql://u:secret@h:x/d"], "--url is malformed"),
        (["--url", "postgresql:///d?host=/nowhere"], "cannot be audited"),
        (["--database", "other"], "there is no database other in DATABASES"),
        (["--rule", "pk-missing", "--rule", "no-such"], "there is no rule no-such"),
        (["--exclude-rule", "no-such"], "there is no rule no-such"),
        (["--explain", "no-such"], "there is no rule no-such"),
        (["--exceptions", "/nowhere/none.toml"], "/nowhere/none.toml: No such file"),
    ],
)
def test_what_cannot_run_is_one_clear_line(arguments, message):
    text = fails(*arguments)
    assert message in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not what audit_schema --format json prints"),
        (b'{"findings": [1]}', "is not what audit_schema --format json prints"),
        (b'{"findings": [{"rule": "drift"}]}', "is not what audit_schema --format json prints"),
    ],
)
def test_an_invalid_baseline_is_one_clear_line(lab, tmp_path, content, message):
    path = tmp_path / "baseline.json"
    if content is not None:
        path.write_bytes(content)
    assert message in fails("--url", lab, "--baseline", str(path))


def test_baseline_is_accepted_and_new_findings_are_reported(make_database, tmp_path):
    url, path = make_database("audit_baseline"), tmp_path / "baseline.json"
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE plays (a timetz)")
    status, text = run("--url", url, "--format", "json", "--fail-on", "none")
    path.write_text(text)
    assert status == 0
    assert json.loads(text)["findings"]
    status, text = run("--url", url, "--baseline", str(path))
    assert (status, "0 errors and 0 warnings" in text) == (0, True)
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE plays ADD COLUMN b timetz")
    status, text = run("--url", url, "--baseline", str(path), "--format", "json")
    assert status == 1
    assert [each["object"] for each in json.loads(text)["findings"]] == ["public.plays.b"]


def test_least_severity_that_fails_is_chosen(lab):
    only = ("--url", lab, "--rule", "type-char")
    assert [run(*only, "--fail-on", each)[0] for each in ("warning", "error", "none")] == [1, 0, 0]
    error = ("--url", lab, "--rule", "pk-default")
    assert [run(*error, "--fail-on", each)[0] for each in ("warning", "error", "none")] == [1, 1, 0]


def test_rules_are_left_out(lab):
    content = json.loads(run("--url", lab, "--format", "json")[1])
    less = json.loads(run("--url", lab, "--format", "json", "--exclude-rule", "type-char")[1])
    left = [each for each in content["findings"] if each["rule"] != "type-char"]
    assert len(left) < len(content["findings"])
    assert (less["findings"], less["rules"]) == (left, content["rules"] - 1)
    both = ("--rule", "type-char", "--exclude-rule", "type-char")
    assert "leaves no rule" in fails("--url", lab, *both)


@pytest.mark.parametrize("url", ["", " "])
def test_url_that_is_empty_is_not_the_own_database(v1, url):
    with pytest.raises(CommandError, match="empty") as error:
        call_command("audit_schema", url=url, stdout=io.StringIO())
    assert error.value.returncode == 2


@pytest.mark.parametrize("arguments", [[], ["--traceback"]])
def test_error_that_nobody_foresaw_is_no_finding(v1, monkeypatch, capsys, arguments):
    """Exit status 1 only means that the schema has findings."""
    monkeypatch.setattr("veza_core.management.commands.audit_schema.audit", lambda *_, **__: 1 / 0)
    with pytest.raises(SystemExit) as end:
        Command().run_from_argv(["manage.py", "audit_schema", *arguments])
    assert end.value.code == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_traceback_of_a_clear_error_is_no_finding(capsys):
    with pytest.raises(SystemExit) as end:
        Command().run_from_argv(["manage.py", "audit_schema", "--traceback", "--rule", "none"])
    assert end.value.code == 2
    assert "there is no rule none" in capsys.readouterr().err


def test_unknown_schema_is_one_clear_line(lab):
    assert fails("--url", lab, "--schema", "nowhere") == "the database has no schema nowhere"
    assert fails("--url", lab, "--schema", "x\ny") == 'the database has no schema "x y"'
    assert fails("--url", lab, "--schema", "pg_catalog") == "schema pg_catalog is PostgreSQL's own"


def test_rules_are_chosen(lab):
    status, text = run("--url", lab, "--rule", "type-char", "--rule", "type-json",
                       "--format", "json")  # fmt: skip
    content = json.loads(text)
    assert status == 1
    assert content["rules"] == 2
    assert {each["rule"] for each in content["findings"]} == {"type-char", "type-json"}
    assert run("--url", lab, "--rule", "type-money")[0] == 0


def test_schemas_are_chosen(make_database):
    url = make_database("audit_schemas")
    with psycopg.connect(url) as connection:
        connection.execute('CREATE SCHEMA "My Own"; CREATE TABLE "My Own".plays (id uuid)')
        connection.execute("CREATE SCHEMA other; CREATE TABLE other.plays (id uuid)")
    _, text = run("--url", url, "--schema", "My Own", "--schema", "other", "--format", "json")
    content = json.loads(text)
    assert content["schema"] == "My Own, other"
    assert content["tables"] == 2
    missing = [each["object"] for each in content["findings"] if each["rule"] == "pk-missing"]
    assert missing == ['"My Own".plays', "other.plays"]


def test_fix_sql_prints_sql_alone(lab):
    status, text = run("--url", lab, "--fix-sql", "--rule", "pk-default")
    assert status == 1
    statements = [line for line in text.split("\n") if line.startswith("ALTER ")]
    assert statements == [
        "ALTER TABLE public.user_settings ALTER COLUMN id SET DEFAULT gen_random_uuid();"
    ]
    assert run("--url", lab, "--format", "sql", "--rule", "pk-default") == (status, text)


def test_exceptions_are_applied(lab, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        '[[exception]]\nrule = "pk-default"\nobject = "public.user_settings.id"\n'
        'reason = "A settings row takes its id from elsewhere."\nexpires = 2999-01-01\n'
    )
    rule = ("--url", lab, "--rule", "pk-default")
    assert run(*rule)[0] == 1
    assert run(*rule, "--exceptions", str(path))[0] == 0


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.id)
def test_every_rule_is_explained(rule):
    status, text = run("--explain", rule.id)
    assert status == 0
    for part in (rule.id, rule.title, rule.severity, rule.reason, rule.remedy, rule.bad, rule.good):
        assert part in text


def test_rules_are_listed():
    status, text = run("--list-rules")
    assert status == 0
    assert [line.split()[0] for line in text.splitlines()] == [rule.id for rule in ALL_RULES]


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.id)
def test_an_example_is_in_the_language_that_its_page_names(rule):
    for language, text in re.findall(r"^```(\w+)\n(.*?)\n```$", page(rule), re.M | re.S):
        if language == "toml":
            tomllib.loads(text)
        else:
            assert language == "sql"
            assert "[[exception]]" not in text


def test_pages_of_the_rules_are_up_to_date(tmp_path):
    directory = ROOT / "docs/rules"
    written = {path.name: path.read_text() for path in directory.glob("*.md")}
    assert written == pages(), "type: make rule-pages"
    (tmp_path / "gone.md").write_text("of a rule that is no more")
    assert run("--write-pages", str(tmp_path)) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == set(pages())


def test_database_that_is_not_utf8(make_database):
    """Names are converted to UTF-8 if the server can; otherwise invalid bytes are marked."""
    latin = make_database("audit_latin", encoding="LATIN1")
    with psycopg.connect(latin) as connection:
        connection.execute('CREATE TABLE "größe" (id uuid)')
    assert "größe" in run("--url", latin)[1]
    raw = make_database("audit_ascii", encoding="SQL_ASCII")
    with psycopg.connect(raw) as connection:
        connection.execute(b'CREATE TABLE "gr\xf6sse" (id uuid)')
    status, text = run("--url", raw, "--format", "json")
    assert status == 1
    assert "gr\ufffdsse" in text


def test_role_without_privileges_can_audit(make_database):
    """Everybody can read the catalog, so an auditor needs no access to the data."""
    url = make_database("audit_rights")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA closed CREATE TABLE plays (id uuid)")
        connection.execute("DROP ROLE IF EXISTS audit_nobody; CREATE ROLE audit_nobody")
        try:
            as_nobody = f"{url}&options=-c%20role%3Daudit_nobody"
            _, text = run("--url", as_nobody, "--schema", "closed", "--format", "json")
            assert json.loads(text)["tables"] == 1
        finally:
            connection.execute("DROP ROLE audit_nobody")


def test_lock_in_the_way_ends_in_one_clear_line(make_database, monkeypatch):
    """A running migration locks tables whose expressions the audit must read."""
    monkeypatch.setattr("veza_core.schema.audit.session.STATEMENT_TIMEOUT", "1ms")
    url = make_database("audit_locks")
    with psycopg.connect(url) as connection:
        connection.execute(
            "DO $$ BEGIN FOR n IN 1..300 LOOP EXECUTE format("
            "'CREATE TABLE t%s (id uuid DEFAULT gen_random_uuid(), c int CHECK (c > 0))', n);"
            " END LOOP; END $$"
        )
    assert "statement timeout" in fails("--url", url)


@pytest.mark.parametrize("statement", [
    "CREATE INDEX CONCURRENTLY idx_plays_b ON plays (b)",
    "DROP INDEX CONCURRENTLY idx_plays_a",
    "REINDEX INDEX CONCURRENTLY idx_plays_a",
])  # fmt: skip
def test_index_that_is_being_built_is_left_alone(make_database, statement):
    """Also for a role without privileges, which cannot read pg_stat_progress_create_index."""
    verb = statement.split()[0].lower()
    url, role = make_database(f"audit_builds_{verb}"), f"audit_{verb}_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"CREATE TABLE plays (a uuid, b uuid); CREATE INDEX idx_plays_a ON plays (a);"
            f"CREATE ROLE {role}"
        )
    arguments = ["--url", f"{url}&options=-c%20role%3D{role}", "--rule", "index-invalid"]
    question = "SELECT 1 FROM pg_index WHERE NOT (indisvalid AND indisready AND indislive)"
    try:
        with psycopg.connect(url) as writer, psycopg.connect(url, autocommit=True) as builder:
            # A concurrent build waits for every transaction that has written to the table.
            writer.execute("INSERT INTO plays DEFAULT VALUES")
            build = threading.Thread(target=builder.execute, args=[statement])
            build.start()
            deadline = time.monotonic() + 60
            while not writer.execute(question).fetchone():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            status, text = run(*arguments)
            writer.rollback()
            build.join()
        assert (status, "idx_plays" in text) == (0, False)
        # An index on which nobody works any more is a finding.
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE pg_index SET indisvalid = false"
                               " WHERE indrelid = 'plays'::regclass")  # fmt: skip
        assert run(*arguments)[0] == (0 if verb == "drop" else 1)
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP ROLE {role}")


def test_all_rules_are_run_by_default(lab):
    """Drift too, although only a V1 database can have any."""
    assert json.loads(run("--url", lab, "--format", "json")[1])["rules"] == len(CATALOG_RULES) + 2
