"""One HTML file without a script: findings by severity and table, and what was checked."""

from collections import Counter
from html import escape
from itertools import groupby

from veza_core.schema.audit.effects import effect
from veza_core.schema.audit.engine import AuditReport
from veza_core.schema.audit.reporters import summary, where
from veza_core.schema.audit.rule import Finding, Severity
from veza_core.schema.quoting import without_controls

_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --text: #1b1b1f; --page: #ffffff; --soft: #f2f3f5;
  --line: #c8cbd0; --error: #a3121f; --warning: #7a4b00; --link: #0b57b0; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --text: #e6e7ea; --page: #16181c; --soft: #22252b; --line: #4a4f58; --error: #ff9aa2;
    --warning: #f3c26b; --link: #8ab8ff; }}
}}
body {{ margin: 0 auto; padding: 1rem; max-width: 70rem; font: 1rem/1.5 system-ui, sans-serif;
  color: var(--text); background: var(--page); }}
a {{ color: var(--link); }}
table {{ border-collapse: collapse; width: 100%; }}
caption {{ text-align: left; }}
th, td {{ border: 1px solid var(--line); padding: .3rem .5rem; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }}
th {{ background: var(--soft); }}
pre {{ background: var(--soft); padding: .5rem; white-space: pre-wrap; overflow-wrap: anywhere; }}
h2.error {{ color: var(--error); }}
h2.warning {{ color: var(--warning); }}
details {{ margin-top: .3rem; }}
</style>
</head>
<body>
"""


def render(report: AuditReport) -> str:
    """Render the report as one page, which loads no other files."""
    title = f"Schema audit: {_text(report.database)}"
    parts = [_HEAD.format(title=title), f"<header><h1>{title}</h1>"]
    parts.append(f"<p>{_text(summary(report))}.</p>")
    parts += [f"<p>{_text(note)}</p>" for note in report.notes]
    parts.append("</header>\n<main>")
    for severity in Severity:
        found = [finding for finding in report.findings if finding.severity is severity]
        parts.append(_severity(severity, found))
    parts += [_checked(report), "</main>\n</body>\n</html>"]
    return "\n".join(parts) + "\n"


def _severity(severity: Severity, findings: list[Finding]) -> str:
    name = severity.value
    parts = [f'<section aria-labelledby="{name}">']
    heading = f"{name.capitalize()}s ({len(findings)})"
    parts.append(f'<h2 id="{name}" class="{name}">{heading}</h2>')
    if not findings:
        parts.append("<p>None.</p>")
    findings = sorted(findings, key=lambda finding: (finding.table is None, finding.table or ""))
    for table, of_table in groupby(findings, key=lambda finding: finding.table):
        rows = list(of_table)
        parts.append(f"<h3>{_text(table) if table is not None else 'Other objects'}</h3>")
        parts.append("<table><thead><tr>")
        parts += [f'<th scope="col">{head}</th>' for head in ("Rule", "Object", "Finding")]
        parts.append("</tr></thead><tbody>")
        parts += [_row(finding) for finding in rows]
        parts.append("</tbody></table>")
    return "\n".join([*parts, "</section>"])


def _row(finding: Finding) -> str:
    details = [f"<p>{_text(finding.rule.reason)}</p><p>{_text(finding.remedy)}</p>"]
    if finding.fix is not None:
        lines = [f"-- {effect(each)}.\n{each}" for each in finding.fix.statements]
        details.append(f"<p>For clients: {_text(finding.changes or 'nothing changes.')}</p>")
        details.append(_sql("\n".join(lines)))
    if finding.query:
        details.append(_sql(finding.query))
    return (
        f'<tr><th scope="row"><a href="#rule-{finding.rule.id}">{finding.rule.id}</a></th>'
        f"<td><code>{_text(finding.object)}</code></td><td>{_text(finding.message)}"
        f"<details><summary>Why, and what to do</summary>{''.join(details)}</details></td></tr>"
    )


def _checked(report: AuditReport) -> str:
    """What was checked, by which rules, including those without findings."""
    counts = Counter(finding.rule.id for finding in report.findings)
    scope = (
        f"Database <code>{_text(where(report))}</code>, "
        f"schema <code>{_text(report.scope)}</code>, "
        f'<time datetime="{report.date:%Y-%m-%d}">{report.date:%Y-%m-%d}</time>.'
    )
    rows = [
        f'<tr id="rule-{rule.id}"><th scope="row">{rule.id}</th><td>{_text(rule.title)}</td>'
        f"<td>{rule.severity.value}</td><td>{counts[rule.id]}</td></tr>"
        for rule in report.all_rules
    ]
    heads = "".join(
        f'<th scope="col">{head}</th>' for head in ("Rule", "Finds", "Severity", "Findings")
    )
    return "\n".join(
        [
            '<section aria-labelledby="checked">\n<h2 id="checked">What was checked</h2>',
            f"<p>{scope}</p>\n<table><thead><tr>{heads}</tr></thead><tbody>",
            *rows,
            "</tbody></table>\n</section>",
        ]
    )


def _sql(text: str) -> str:
    return f"<pre><code>{'<br>'.join(_text(line) for line in text.splitlines())}</code></pre>"


def _text(text: str) -> str:
    """Return the text on one line, with HTML's special characters escaped."""
    return escape(without_controls(text)).encode(errors="replace").decode()
