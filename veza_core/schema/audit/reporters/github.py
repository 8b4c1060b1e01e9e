"""GitHub's workflow commands: each finding is an annotation of the run."""

from veza_core.schema.audit.engine import AuditReport
from veza_core.schema.audit.reporters import summary, where
from veza_core.schema.quoting import without_controls


def render(report: AuditReport) -> str:
    """Render one command for each finding, and a notice with the summary."""
    lines = [
        f"::{finding.severity.value} title={_property(finding.rule.id)}::"
        + _data(f"{finding.object}: {finding.message}. {finding.remedy}")
        for finding in report.findings
    ]
    lines.append(f"::notice title=audit_schema::{_data(f'{summary(report)} ({where(report)})')}")
    return "\n".join(lines) + "\n"


def _data(text: str) -> str:
    """Escape the text for GitHub's runner. A line break would begin another command."""
    return without_controls(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
