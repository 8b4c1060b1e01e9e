"""JSON, for programs."""

import json
from dataclasses import asdict
from typing import Any

from veza_core.schema.audit.effects import WAITS, effect
from veza_core.schema.audit.engine import AuditReport
from veza_core.schema.audit.rule import Finding


def render(report: AuditReport) -> str:
    """Render the report as one object; `schema` names all audited schemas, with commas."""
    content: dict[str, Any] = {
        **asdict(report.place),
        "server_version": report.server_version,
        "schema": ", ".join(report.schemas),
        "schema_version": report.schema_version,
        "profile": report.profile.value,
        "tables": report.table_count,
        "rules": len(report.rules),
        "findings": [
            {
                "rule": finding.rule.id,
                "severity": finding.severity.value,
                "table": finding.table,
                "object": finding.object,
                "message": finding.message,
                "remedy": finding.remedy,
                "fix_sql": finding.fix.sql if finding.fix else None,
                "fix": _fix(finding),
                "query": finding.query or None,
                "key": finding.key,
            }
            for finding in report.findings
        ],
        "summary": {"error": report.errors, "warning": report.warnings},
    }
    if report.notes:
        content["notes"] = list(report.notes)
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _fix(finding: Finding) -> dict[str, Any] | None:
    """What the fix does to a running service, by statement, and what clients notice."""
    if finding.fix is None:
        return None
    statements = [
        {"sql": statement, "lock": done.lock, "waits": WAITS[done.lock], "work": done.work}
        for statement, done in ((each, effect(each)) for each in finding.fix.statements)
    ]
    return {"statements": statements, "clients": finding.changes or None}
