"""The fixes as a script for psql that can run while services run."""

import re

from veza_core.schema.audit.effects import effect
from veza_core.schema.audit.engine import AuditReport
from veza_core.schema.audit.reporters import where
from veza_core.schema.audit.rule import Finding, Fix
from veza_core.schema.quoting import literal, without_controls

_HEAD = """\
-- {count} of {total} findings in schema {schema} have SQL that fixes them.
-- The database was {where}.
-- Read it before you run it: psql -X -f FILE
-- Each statement commits by itself (no psql -1). The comment above it names its lock, who waits
-- for it, what it does, and what clients notice. If a fix fails, the script continues with the
-- next one. At the end it lists the failed fixes, and exits with status 3.
-- A statement that waits for a lock makes others wait behind it. lock_timeout limits this time:
-- psql -X -v lock_timeout=500ms -f FILE. Nobody waits for a concurrent statement, so it has none.

\\set QUIET on
\\set AUTOCOMMIT on
\\if :{{?lock_timeout}}
\\else
\\set lock_timeout 2s
\\endif
\\set failed ''
\\set ON_ERROR_STOP on
SELECT now() < statement_timestamp() AS inside \\gset
\\if :inside
DO $$ BEGIN RAISE 'this script cannot run inside a transaction: leave out psql -1'; END; $$;
\\endif
SET statement_timeout = 0;
SET lock_timeout = :'lock_timeout';
\\set ON_ERROR_STOP off
"""

_TAIL = """\
SELECT :'failed' <> '' AS has_failed \\gset
\\if :has_failed
\\warn Failed: :failed
\\set ON_ERROR_STOP on
DO $$ BEGIN RAISE 'not every fix was applied: see the list above'; END; $$;
\\endif
"""

_UNLIMITED = "SET lock_timeout = 0;"
_LIMITED = "SET lock_timeout = :'lock_timeout';"
_NOTE_FAILURE = (
    "\\if :ERROR \\set ok off \\set failed :failed '\\n  ' :fix ': ' :LAST_ERROR_MESSAGE \\endif"
)

# A failed concurrent build leaves an invalid index. An index of that name that existed before
# (42P07) belongs to somebody else.
_CONCURRENT_INDEX = re.compile(
    r'CREATE (?P<unique>UNIQUE )?INDEX CONCURRENTLY (?P<name>"(?:[^"]|"")*"|\w+) '
    r'ON (?P<table>(?:"(?:[^"]|"")*"|[\w.])+) '
)
_DROP_INVALID = """\
SELECT format('DROP INDEX CONCURRENTLY %s', i.indexrelid::regclass)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = to_regclass({table}) AND c.relname = (parse_ident({name}))[1]
    AND NOT i.indisvalid AND :'LAST_ERROR_SQLSTATE' <> '42P07' \\gexec"""


def render(report: AuditReport) -> str:
    """Render the statements in an order that works, each one once."""
    fixed = [(each, each.fix) for each in report.findings if each.fix is not None]
    fixed.sort(key=lambda pair: pair[1].stage)
    parts = [
        _HEAD.format(
            count=len(fixed),
            total=len(report.findings),
            where=where(report),
            schema=without_controls(", ".join(report.schemas)),
        )
    ]
    parts += [_look(finding) for finding in report.findings if finding.query and not finding.fix]
    printed: set[str] = set()
    for number, (finding, fix) in enumerate(fixed, 1):
        parts.append(_section(finding, fix, f"{number}/{len(fixed)}", printed))
    return "\n".join([*parts, _TAIL])


def _title(finding: Finding) -> str:
    # A name may contain a line break, which would end the comment.
    return without_controls(f"{finding.rule.id}: {finding.object}: {finding.message}")


def _look(finding: Finding) -> str:
    """A query for the rows that somebody must decide about; it changes nothing."""
    lines = [f"-- {_title(finding)}", f"-- No fix: {without_controls(finding.remedy)}"]
    lines.append(f"\\echo {_argument(f'{finding.rule.id} {finding.object}: values twice:')}")
    return "\n".join([*lines, finding.query, ""])


def _section(finding: Finding, fix: Fix, number: str, printed: set[str]) -> str:
    """One fix. After a failed statement, psql skips the other statements of the fix."""
    lines = [
        f"-- {_title(finding)}",
        f"-- For clients: {without_controls(finding.changes) or 'nothing changes.'}",
        f"\\set fix {_argument(f'{finding.rule.id} {finding.object}')}",
        f"\\echo [{number}] :fix",
        "\\set ok on",
    ]
    statements = [each for each in fix.statements if each not in printed]
    printed.update(statements)
    for place, statement in enumerate(statements):
        step = [f"-- {effect(statement)}.", *_run(statement, _NOTE_FAILURE)]
        if back := _taken_back(statement, fix, finding.query):
            step += ["\\if :ok", "\\else", *back, "\\endif"]
        lines += ["\\if :ok", *step, "\\endif"] if place else step
    return "\n".join([*lines, ""])


def _run(*lines: str) -> list[str]:
    """A statement and what follows it; without a lock timeout if it is concurrent."""
    is_concurrent = effect(lines[0]).is_concurrent
    return [_UNLIMITED, *lines, _LIMITED] if is_concurrent else list(lines)


def _taken_back(statement: str, fix: Fix, query: str) -> list[str]:
    """What runs after the statement has failed, to undo what was done before."""
    lines = []
    if match := _CONCURRENT_INDEX.match(statement):
        names = {name: literal(match[name]) for name in ("name", "table")}
        lines += [_UNLIMITED, _DROP_INVALID.format(**names), _LIMITED]
        if query and match["unique"]:
            lines.append(query)
    for other in fix.otherwise.get(statement, ()):
        lines += _run(other)
    return lines


def _argument(text: str) -> str:
    """Return the text as an argument of one of psql's commands."""
    escaped = without_controls(text).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
