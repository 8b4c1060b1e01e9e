"""JSON, for programs."""

import json

from veza_core.schema.audit.engine import Report


def render(report: Report) -> str:
    """Render the report as one object; `schema` holds all audited ones, with commas between."""
    content = {
        "database": report.database,
        "server_version": report.server_version,
        "schema": ", ".join(report.schemas),
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
                "key": finding.key,
            }
            for finding in report.findings
        ],
        "summary": {"error": report.errors, "warning": report.warnings},
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
