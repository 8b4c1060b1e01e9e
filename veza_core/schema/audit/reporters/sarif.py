"""SARIF 2.1.0, which code scanning services read (OASIS, sarif-v2.1.0)."""

import json
from dataclasses import asdict
from typing import Any

from veza_core import __version__
from veza_core.schema.audit.engine import AuditReport
from veza_core.schema.audit.rule import Finding, Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def render(report: AuditReport) -> str:
    """Render the report as one run."""
    rules = report.all_rules
    numbers = {rule.id: number for number, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "audit_schema",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(rule) for rule in rules],
            },
        },
        "automationDetails": {"id": f"audit_schema/{report.database}/"},
        "invocations": [
            {"executionSuccessful": True, "properties": {"connection": asdict(report.place)}}
        ],
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, numbers[finding.rule.id]) for finding in report.findings],
    }
    content = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.reason},
        "help": {"text": rule.remedy},
        "defaultConfiguration": {"level": rule.severity.value},
        "properties": {"tags": [rule.group]},
    }


def _result(finding: Finding, rule_number: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule.id,
        "ruleIndex": rule_number,
        "level": finding.severity.value,
        "message": {"text": f"{finding.object}: {finding.message}. {finding.remedy}"},
        "locations": [
            {
                # Services show a result only at a line of a file. A database has no files, so it is
                # the rule's page.
                "physicalLocation": {
                    "artifactLocation": {"uri": f"docs/rules/{finding.rule.id}.md"},
                    "region": {"startLine": 1},
                },
                "logicalLocations": [{"fullyQualifiedName": finding.object}],
            }
        ],
        "partialFingerprints": {"auditKey/v1": finding.key},
    }
    if finding.fix:
        result["properties"] = {"fixSql": finding.fix.sql}
    return result
