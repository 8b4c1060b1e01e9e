"""The fixes alone, as a script for psql."""

from veza_core.schema.audit.engine import Report
from veza_core.schema.audit.quoting import one_line

_HEAD = """\
-- {count} of {total} findings in database {database}, schema {schema}, have SQL that mends them.
-- Read it before you run it: psql -X -v ON_ERROR_STOP=1 -f FILE
-- Each statement commits by itself. CONCURRENTLY cannot run inside a transaction (no psql -1).
"""


def render(report: Report) -> str:
    """Render the statements in an order in which they work, each one once."""
    fixes = [(finding, finding.fix) for finding in report.findings if finding.fix is not None]
    lines = [
        _HEAD.format(
            count=len(fixes),
            total=len(report.findings),
            database=one_line(report.database),
            schema=one_line(", ".join(report.schemas)),
        )
    ]
    printed: set[str] = set()
    for finding, fix in sorted(fixes, key=lambda pair: pair[1].stage):
        # A name may hold a line break, which would end the comment.
        lines.append(f"-- {finding.rule.id}: {one_line(f'{finding.object}: {finding.message}')}")
        lines += [statement for statement in fix.statements if statement not in printed]
        printed.update(fix.statements)
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"
