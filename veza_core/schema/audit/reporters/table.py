"""A table for people: by group and rule, with an object in each row."""

from io import StringIO
from itertools import groupby

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from veza_core.schema.audit.engine import AuditReport
from veza_core.schema.audit.reporters import summary, where
from veza_core.schema.quoting import without_controls

_STYLES = {"error": "bold red", "warning": "yellow"}
_INDENT, _GAP = "  ", "  "


def render(report: AuditReport, *, width: int, colour: bool) -> str:
    """Render the findings; `width` is in characters."""
    out = StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
        highlight=False,
    )
    # Not wrapped, so that the line can be copied.
    out.write(f"Connected to {where(report)}\n")
    left = _object_width(report, width)
    for group, of_group in groupby(report.findings, key=lambda finding: finding.rule.group):
        console.rule(Text(group, "bold"), align="left", style="dim")
        for rule, findings in groupby(of_group, key=lambda finding: finding.rule):
            style = _STYLES[rule.severity.value]
            console.print(
                Text.assemble((f"{rule.severity.value} {rule.id}", style), f": {rule.title}")
            )
            for finding in findings:
                # Written directly, because a rich table takes ten times as long.
                out.writelines(_rows(console, finding.object, finding.message, left))
            out.write("\n")
    console.print(_last_lines(report))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _object_width(report: AuditReport, width: int) -> int:
    longest = max((cell_len(without_controls(each.object)) for each in report.findings), default=0)
    return min(longest, max(width * 11 // 20, 10))


def _rows(console: Console, name: str, message: str, left: int) -> list[str]:
    """Lay out one finding in two columns, in as many lines as it needs."""
    right = max(console.width - len(_INDENT) - left - len(_GAP), 10)
    names, messages = _wrapped(console, name, left), _wrapped(console, message, right)
    names += [""] * (len(messages) - len(names))
    messages += [""] * (len(names) - len(messages))
    return [
        f"{_INDENT}{set_cell_size(first, left)}{_GAP}{second}\n"
        for first, second in zip(names, messages, strict=True)
    ]


def _wrapped(console: Console, text: str, width: int) -> list[str]:
    """Break at spaces and, where a word is longer than the line, inside it."""
    text = without_controls(text)
    if cell_len(text) <= width:
        return [text]
    return [line.plain.rstrip() for line in Text(text).wrap(console, width, overflow="fold")]


def _last_lines(report: AuditReport) -> Text:
    scope = f"schema {without_controls(report.scope)}, profile {report.profile}"
    lines = Text(f"{summary(report)} ({scope}).")
    lines.stylize(_STYLES["error"] if report.findings else "green")
    for note in report.notes:
        lines.append(f"\n{without_controls(note)}", style="default")
    if report.findings:
        fixes = sum(finding.fix is not None for finding in report.findings)
        lines.append("\n--explain RULE says why and what to do", style="default")
        if fixes:
            lines.append(f"; --fix-sql prints SQL for {fixes} of them", style="default")
        lines.append(".", style="default")
    return lines
