"""JUnit's XML, which every CI server reads: a rule is a suite, a finding a failed case."""

import re
from itertools import groupby
from xml.etree import ElementTree as ET

from veza_core.schema.audit.engine import AuditReport
from veza_core.schema.audit.reporters import where

# Characters that XML 1.0 does not allow, escaped or not.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: AuditReport) -> str:
    """Render the report; a rule without findings is a suite with one passed case."""
    root = ET.Element("testsuites", name=_clean(f"audit_schema {where(report)}"))
    found = {
        rule_id: list(findings)
        for rule_id, findings in groupby(report.findings, key=lambda finding: finding.rule.id)
    }
    total = 0
    for rule in report.all_rules:
        findings = found.get(rule.id, [])
        total += max(1, len(findings))
        suite = ET.SubElement(
            root,
            "testsuite",
            name=rule.id,
            tests=str(max(1, len(findings))),
            failures=str(len(findings)),
            errors="0",
            skipped="0",
        )
        if not findings:
            ET.SubElement(suite, "testcase", classname=rule.id, name=rule.title)
        for finding in findings:
            case = ET.SubElement(suite, "testcase", classname=rule.id, name=_clean(finding.object))
            failure = ET.SubElement(
                case, "failure", type=finding.severity.value, message=_clean(finding.message)
            )
            sql = f"\n{finding.fix.sql}" if finding.fix else ""
            failure.text = _clean(f"{finding.remedy}{sql}")
    root.set("tests", str(total))
    root.set("failures", str(len(report.findings)))
    root.set("errors", "0")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
