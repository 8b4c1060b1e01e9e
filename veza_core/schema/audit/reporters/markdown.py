"""A report in Markdown, for a wiki or a pull request."""

import re
from itertools import groupby

from django.conf import settings

from veza_core.counted import counted
from veza_core.schema.audit.engine import AuditReport
from veza_core.schema.audit.reporters import summary, where
from veza_core.schema.audit.rule import Finding
from veza_core.schema.audit.rules.governance import PUBLIC
from veza_core.schema.quoting import without_controls

_KEY_RULES = ("pk-missing", "pk-not-uuid-id")


def render(report: AuditReport) -> str:
    """Render the summary, the gap analysis, the findings by rule, and the recommendation."""
    gaps = _gaps(report)
    parts = [
        f"# Schema audit: {escape(report.database)}",
        f"**Date:** {report.date:%d/%m/%Y}  \n**Scope:** database {code(where(report))}, "
        f"schema {escape(report.scope)}",
        "## 1. Executive Summary",
        _executive_summary(report, len(gaps)),
        *map(escape, report.notes),
        "## 2. Gap Analysis",
        "### 2.1 Primary keys",
        _gap_table(report, gaps),
        "### 2.2 Findings by rule",
        *_by_rule(report),
        "## 3. Recommendation",
        _recommendation(report, len(gaps)),
    ]
    return "\n\n".join(parts) + "\n"


def _executive_summary(report: AuditReport, gap_count: int) -> str:
    if not report.findings:
        return f"The schema meets the Standard: {summary(report)}."
    lines = [f"The schema does not meet the Standard: {summary(report)}."]
    if gap_count:
        lines[0] += f" {counted(gap_count, 'table')} without a UUID key."
    lines += ["", "| Group | Errors | Warnings |", "| :--- | ---: | ---: |"]
    groups: dict[str, list[Finding]] = {}
    for finding in report.findings:
        groups.setdefault(finding.rule.group, []).append(finding)
    for group, findings in groups.items():
        errors = sum(finding.severity == "error" for finding in findings)
        lines.append(f"| {group} | {errors} | {len(findings) - errors} |")
    return "\n".join(lines)


def _gaps(report: AuditReport) -> list[tuple[str, Finding]]:
    """Return domain and finding of each table without the Standard's key.

    In the order of `settings.AUDIT_DOMAINS`; tables that are not in it come last.
    """
    domains = {
        f"{PUBLIC}.{table}": domain
        for domain, tables in settings.AUDIT_DOMAINS.items()
        for table in tables.split()
    }
    order = {name: place for place, name in enumerate(domains)}
    found = [finding for finding in report.findings if finding.rule.id in _KEY_RULES]
    found.sort(key=lambda finding: (order.get(finding.object, len(order)), finding.object))
    return [(domains.get(finding.object, "Other"), finding) for finding in found]


def _gap_table(report: AuditReport, gaps: list[tuple[str, Finding]]) -> str:
    if not gaps:
        are_run = any(rule.id in _KEY_RULES for rule in report.rules)
        return "Every table has its UUID key." if are_run else "The rules on keys were not run."
    lines = ["| Domain | Table | Current PK | Target V1 PK |", "| :--- | :--- | :--- | :--- |"]
    lines += [
        f"| **{domain}** | {code(finding.table or '')} | "
        f"{code(report.primary_keys[finding.object])} | `UUID` |"
        for domain, finding in gaps
    ]
    return "\n".join(lines)


def _by_rule(report: AuditReport) -> list[str]:
    parts: list[str] = []
    for rule, group in groupby(report.findings, key=lambda finding: finding.rule):
        findings = list(group)
        parts.append(f"#### `{rule.id}`: {rule.title} ({len(findings)})")
        parts.append(f"{rule.severity.value.capitalize()}. {rule.reason}")
        rows = ["| Object | Finding |", "| :--- | :--- |"]
        rows += [f"| {code(finding.object)} | {escape(finding.message)} |" for finding in findings]
        parts.append("\n".join(rows))
        parts.append(f"**Remedy:** {rule.remedy}")
    return parts or ["None."]


def _recommendation(report: AuditReport, gap_count: int) -> str:
    if not report.findings:
        return "Run the audit in every deployment, so that the schema keeps to the Standard."
    with_fix = sum(finding.fix is not None for finding in report.findings)
    steps = []
    if gap_count:
        steps.append(
            f"Move the {counted(gap_count, 'table')} of 2.1 to UUID keys, in migrations that "
            "declare the final state, with every reference to them."
        )
    if with_fix:
        steps.append(
            f"Apply the SQL of `manage.py audit_schema --fix-sql`, which fixes "
            f"{counted(with_fix, 'finding')} without losing data, and audit again."
        )
    if rest := len(report.findings) - with_fix - gap_count:
        steps.append(
            f"Decide on the other {counted(rest, 'finding')} by the remedies above. Write "
            "what must stay into the exceptions file, with a reason and a date."
        )
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def code(text: str) -> str:
    """Return the text as a code span that is safe for any name, also in a table."""
    text = without_controls(text).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    space = " " if text[:1] in ("`", " ") or text[-1:] in ("`", " ") else ""
    return f"{fence}{space}{text}{space}{fence}"


def escape(text: str) -> str:
    """Return the text with Markdown's special characters escaped; an underscore in a word needs
    none.
    """
    return re.sub(r"([\\`*\[\]<>|#&~$]|(?<!\w)_|_(?!\w))", r"\\\1", without_controls(text))
