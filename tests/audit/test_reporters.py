"""Each format has all findings, and no name in a database can break it."""

import json
import re
import tomllib
from datetime import date
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from rich.text import Text

from tests.counts import TABLES
from veza_core.schema.audit import reporters
from veza_core.schema.audit.engine import audit
from veza_core.schema.audit.reporters import sql, table
from veza_core.schema.audit.reporters.markdown import code, escape
from veza_core.schema.audit.rules import CATALOG_RULES
from veza_core.schema.quoting import without_controls

#: A name with everything that ends a line, a cell, a comment, a tag, a command or an escape.
NAME = 'A "b" <c>|`d`*e* _[red]g[/red]%0A::]]>&\\é\u0001\u2028\r\n-- \x85\ufffe'


@pytest.fixture(scope="module")
def lab_report(lab):
    with psycopg.connect(lab) as connection:
        return audit(connection, ["public"], CATALOG_RULES, today=date(2025, 12, 4))


@pytest.fixture(scope="module")
def odd_report(make_database):
    quoted = '"' + NAME.replace('"', '""') + '"'
    with psycopg.connect(make_database("audit_names")) as connection:
        connection.execute(f"CREATE SCHEMA {quoted}")
        connection.execute(f"CREATE TABLE {quoted}.{quoted} ({quoted} timestamp, a char)")
        connection.execute(f"CREATE INDEX ON {quoted}.{quoted} ({quoted})")
        connection.commit()
        return audit(connection, ["public", NAME], CATALOG_RULES)


@pytest.fixture(params=["lab_report", "odd_report"])
def report(request):
    return request.getfixturevalue(request.param)


def test_json(report):
    content = json.loads(reporters.render(report, "json"))
    assert list(content) == [
        "database", "role", "address", "port", "host", "server_version", "schema",
        "schema_version", "profile", "tables", "rules", "findings", "summary",
    ]  # fmt: skip
    assert content["tables"] == report.table_count
    assert content["rules"] == len(CATALOG_RULES)
    assert sum(content["summary"].values()) == len(content["findings"]) == len(report.findings)
    for finding, shown in zip(report.findings, content["findings"], strict=True):
        assert list(shown) == [
            "rule", "severity", "table", "object", "message", "remedy", "fix_sql", "fix", "query",
            "key",
        ]  # fmt: skip
        assert (shown["rule"], shown["object"]) == (finding.rule.id, finding.object)
        assert (shown["table"], shown["key"]) == (finding.table, finding.key)
        assert (shown["fix_sql"] is None) == (finding.fix is None)


def test_every_format_says_where(lab, lab_report):
    """From the server's answer, not from the URL, because a pooler may connect to another
    server.
    """
    with psycopg.connect(lab) as connection:
        answer = connection.execute(
            "SELECT current_database(), current_user,"
            " coalesce(inet_server_port(), current_setting('port')::int)"
        ).fetchone()
    database, role, port = answer
    said = f"{database} on {conninfo_to_dict(lab)['host']}:{port}"
    for output_format in reporters.MACHINE_FORMATS:
        if output_format not in ("json", "sarif"):
            text = unescape(reporters.render(lab_report, output_format))
            assert re.search(rf"{re.escape(said)} \((.+, )?PostgreSQL [\d.]+\) as {role}", text), (
                text
            )
    assert said in " ".join(table.render(lab_report, width=300, colour=False).split())
    [run] = json.loads(reporters.render(lab_report, "sarif"))["runs"]
    content = json.loads(reporters.render(lab_report, "json"))
    for place in (content, run["invocations"][0]["properties"]["connection"]):
        assert (place["database"], place["role"], place["port"]) == answer


def test_github(report):
    lines = reporters.render(report, "github").split("\n")
    assert lines.pop() == ""
    assert lines.pop().startswith("::notice title=audit_schema::")
    assert len(lines) == len(report.findings)
    for finding, line in zip(report.findings, lines, strict=True):
        assert line.startswith(f"::{finding.severity} title={finding.rule.id}::")
        assert not re.search(r"[\x00-\x1f\x85\u2028]|%(?!25)", line)


def test_junit(report):
    root = ET.fromstring(reporters.render(report, "junit"))  # noqa: S314 - our own
    cases = root.findall("testsuite/testcase")
    failures = root.findall("testsuite/testcase/failure")
    assert len(failures) == len(report.findings) == int(root.get("failures"))
    assert len(cases) == int(root.get("tests"))
    assert {suite.get("name") for suite in root} == {rule.id for rule in CATALOG_RULES}
    passed = {case.get("classname") for case in cases if case.find("failure") is None}
    assert passed == {rule.id for rule in CATALOG_RULES} - {
        finding.rule.id for finding in report.findings
    }


def test_sarif(report):
    content = json.loads(reporters.render(report, "sarif"))
    [run] = content["runs"]
    assert content["version"] == "2.1.0"
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.id for rule in CATALOG_RULES]
    for finding, result in zip(report.findings, run["results"], strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.rule.id
        assert result["level"] in ("error", "warning")
        assert finding.object in result["message"]["text"]
        assert result["partialFingerprints"] == {"auditKey/v1": finding.key}
        [location] = result["locations"]
        assert location["logicalLocations"] == [{"fullyQualifiedName": finding.object}]
        assert location["physicalLocation"]["artifactLocation"]["uri"].startswith("docs/rules/")


def test_sarif_says_the_tools_version(lab_report):
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    [run] = json.loads(reporters.render(lab_report, "sarif"))["runs"]
    driver = run["tool"]["driver"]
    assert driver["version"] == driver["semanticVersion"] == project["version"]


class Page(HTMLParser):
    """A parser of a page: its tags in order, its ids and links, and the text of its cells."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.links, self.text = [], set(), [], set(), ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        self.links |= {values["href"]} if "href" in values else set()
        assert not any(name.startswith("on") for name in values)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_html(report):
    """Every name is text: it adds no tag and no script, and the page loads nothing."""
    page = Page(reporters.render(report, "html"))
    assert page.open == []
    assert page.tags <= {
        "html", "head", "meta", "title", "style", "body", "header", "main", "section", "h1", "h2",
        "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "a", "code", "details", "summary",
        "pre", "br", "time",
    }  # fmt: skip
    assert len(page.ids) == len(set(page.ids))
    assert page.links <= {f"#{name}" for name in page.ids}
    for finding in report.findings:
        assert without_controls(finding.object) in page.text
        assert without_controls(finding.message) in page.text
    for rule in report.rules:
        assert rule.title in page.text
    assert "prefers-color-scheme: dark" in page.text


def test_markdown_tables_keep_their_cells(report):
    text = reporters.render(report, "markdown")
    rows = [line for line in text.split("\n") if line.startswith("|")]
    cells = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
    assert cells <= {3, 4, 5}
    assert len(rows) >= len(report.findings)


def test_markdown_has_the_first_audits_sections(lab_report):
    text = reporters.render(lab_report, "markdown")
    assert re.findall(r"^##? (.*)$", text, re.MULTILINE) == [
        f"Schema audit: {escape(lab_report.database)}",
        "1. Executive Summary",
        "2. Gap Analysis",
        "3. Recommendation",
    ]
    assert "**Date:** 04/12/2025" in text
    for rule in {finding.rule for finding in lab_report.findings}:
        assert f"#### `{rule.id}`: {rule.title} (" in text
    assert "| Domain | Table | Current PK | Target V1 PK |" in text


def test_markdown_signs_are_harmless():
    assert code("a`b``c") == "```a`b``c```"
    assert code("`") == "`` ` ``"
    assert code("a|b\nc") == "`a\\|b c`"
    assert escape("created_at _x_ *b* <i> `c` [d]|") == (
        "created_at \\_x\\_ \\*b\\* \\<i\\> \\`c\\` \\[d\\]\\|"
    )


@pytest.mark.parametrize("width", [40, 80, 200])
def test_table_fits_the_terminal(report, width):
    text = table.render(report, width=width, colour=False)
    assert "\x1b" not in text
    # The first line says where. It is complete, however long the host's name is.
    assert all(Text(line).cell_len <= width for line in text.split("\n")[1:])


def test_table_names_every_finding(lab_report):
    text = table.render(lab_report, width=200, colour=False)
    for finding in lab_report.findings:
        assert f"  {finding.object} " in text


def test_table_has_colour_on_a_terminal_alone(lab_report):
    assert "\x1b[" in table.render(lab_report, width=100, colour=True)


#: The beginnings of the script's own lines, which are not statements of a fix or comments.
OF_PSQL = ("\\", "SET ", "SELECT ", "FROM ", "WHERE ", "    AND ", "DO $$ BEGIN RAISE ")


def test_fix_sql_cannot_leave_its_comments(odd_report):
    """Without the statements, every line is a comment or one of the script's own lines."""
    text = sql.render(odd_report)
    assert NAME.replace('"', '""') in text
    statements = {statement for each in odd_report.findings if each.fix
                  for statement in each.fix.statements}  # fmt: skip
    rest = text
    for statement in statements:
        rest = rest.replace(statement, "")
    assert all(not line or line.startswith(("-- ", *OF_PSQL)) for line in rest.split("\n"))


def test_clean_report_is_short_and_says_so(v1):
    with psycopg.connect(v1) as connection:
        report = audit(connection, ["public"], CATALOG_RULES)
    assert f"0 errors and 0 warnings in {TABLES} tables" in table.render(
        report, width=80, colour=False
    )
    text = reporters.render(report, "markdown")
    assert "meets the Standard" in text
    assert "Every table has its UUID key" in text
    assert json.loads(reporters.render(report, "json"))["findings"] == []
    assert json.loads(reporters.render(report, "sarif"))["runs"][0]["results"] == []
