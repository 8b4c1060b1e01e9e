"""A table for people."""

from io import StringIO
from itertools import groupby

from rich.box import HORIZONTALS
from rich.console import Console
from rich.table import Table
from rich.text import Text

from veza_core.audit.engine import Report
from veza_core.audit.quoting import one_line
from veza_core.audit.reporters import summary

_STYLES = {"error": "bold red", "warning": "yellow"}


def render(report: Report, *, width: int, colour: bool) -> str:
    """Render the findings by rule; `width` is in characters."""
    out = StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
        highlight=False,
    )
    if report.findings:
        console.print(_table(report, width))
    console.print(_last_lines(report))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _table(report: Report, width: int) -> Table:
    # Text and not str in every cell: a name may hold what rich takes for markup.
    table = Table(box=HORIZONTALS, show_edge=False, pad_edge=False)
    longest = max(len(finding.object) for finding in report.findings) + 2
    table.add_column("Rule and object", overflow="fold", width=min(longest, width * 11 // 20))
    table.add_column("Finding", overflow="fold")
    for rule, findings in groupby(report.findings, key=lambda finding: finding.rule):
        style = _STYLES[rule.severity.value]
        head = Text.assemble((rule.id, style))
        table.add_row(head, Text.assemble((rule.severity.value, style), f": {rule.title}"))
        for finding in findings:
            table.add_row(Text(f"  {one_line(finding.object)}"), Text(one_line(finding.message)))
        table.add_section()
    return table


def _last_lines(report: Report) -> Text:
    where = f"{one_line(report.database)}, PostgreSQL {report.server_version}, schema "
    lines = Text(f"{summary(report)} ({where}{one_line(', '.join(report.schemas))}).")
    lines.stylize(_STYLES["error"] if report.findings else "green")
    if report.findings:
        fixes = sum(finding.fix is not None for finding in report.findings)
        lines.append("\n--explain RULE says why and what to do", style="default")
        if fixes:
            lines.append(f"; --fix-sql prints SQL for {fixes} of them", style="default")
        lines.append(".", style="default")
    return lines
