"""A table for people: by group and rule, with an object in each row."""

import unicodedata
from itertools import groupby

from veza_core.schema.audit.engine import AuditReport
from veza_core.schema.audit.reporters import summary, where
from veza_core.schema.quoting import one_line

#: Styles of a terminal (ECMA-48, SGR).
_STYLES = {"error": "1;31", "warning": "33", "fine": "32", "group": "1", "line": "2"}
_INDENT, _GAP = "  ", "  "


def render(report: AuditReport, *, width: int, colour: bool) -> str:
    """Render the findings; `width` is in characters."""

    def paint(text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if colour and text else text

    # Not wrapped, so that the line can be copied.
    lines = [f"Connected to {where(report)}"]
    left = _object_width(report, width)
    for group, of_group in groupby(report.findings, key=lambda finding: finding.rule.group):
        lines.append(f"{paint(group, 'group')} {paint('─' * (width - len(group) - 1), 'line')}")
        for rule, findings in groupby(of_group, key=lambda finding: finding.rule):
            severity = rule.severity.value
            name = f"{severity} {rule.id}"
            heading = "\n".join(_wrapped(f"{name}: {rule.title}", width))
            lines.append(heading.replace(name, paint(name, severity), 1))
            for finding in findings:
                lines += _rows(finding.object, finding.message, left, width)
            lines.append("")
    total = f"{summary(report)} (schema {report.scope}, profile {report.profile})."
    style = "error" if report.findings else "fine"
    lines += [paint(line, style) for line in _wrapped(total, width)]
    for note in [*report.notes, *_options(report)]:
        lines += _wrapped(note, width)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _options(report: AuditReport) -> list[str]:
    """What to type next, if there are findings."""
    if not report.findings:
        return []
    fixes = sum(finding.fix is not None for finding in report.findings)
    printed = f"; --fix-sql prints SQL for {fixes} of them" if fixes else ""
    return [f"--explain RULE says why and what to do{printed}."]


def _object_width(report: AuditReport, width: int) -> int:
    longest = max((_cells(one_line(each.object)) for each in report.findings), default=0)
    return min(longest, max(width * 11 // 20, 10))


def _rows(name: str, message: str, left: int, width: int) -> list[str]:
    """Lay out one finding in two columns, in as many lines as it needs."""
    right = max(width - len(_INDENT) - left - len(_GAP), 10)
    names, messages = _wrapped(name, left), _wrapped(message, right)
    names += [""] * (len(messages) - len(names))
    messages += [""] * (len(names) - len(messages))
    return [
        f"{_INDENT}{first}{' ' * (left - _cells(first))}{_GAP}{second}"
        for first, second in zip(names, messages, strict=True)
    ]


def _wrapped(text: str, width: int) -> list[str]:
    """Break at blanks and, where a word is longer than the line, inside it."""
    lines = [""]
    for word in one_line(text).split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if _cells(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if _cells(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
    return lines


def _cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(each) in ("Mn", "Me", "Cf")
        else 2 if unicodedata.east_asian_width(each) in ("W", "F")
        else 1
        for each in text
    )  # fmt: skip
