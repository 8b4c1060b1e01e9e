"""The result of `manage.py schema_diff`, as text, Markdown and JSON."""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

from veza_core.counted import counted
from veza_core.db.schema_version import Version
from veza_core.schema.audit.reporters.markdown import code, escape
from veza_core.schema.diff.changes import (
    SchemaChange,
    changes,
    needed_step,
    needed_version,
    version_of,
)
from veza_core.schema.diff.sources import Schema
from veza_core.visible import visible

FORMATS = ("text", "markdown", "json")


@dataclass(frozen=True)
class DiffReport:
    """Two schemas, and what changed between them."""

    old: Schema
    new: Schema

    @cached_property
    def changes(self) -> list[SchemaChange]:
        """All changes, breaking ones first."""
        return changes(self.old.snapshot, self.new.snapshot)

    @cached_property
    def breaking(self) -> list[SchemaChange]:
        return [change for change in self.changes if change.judgement.breaks]

    @cached_property
    def version(self) -> Version | None:
        """The lowest version that the new schema may have; None if it may have any."""
        return needed_version(version_of(self.old.snapshot), needed_step(self.changes))

    @cached_property
    def too_low(self) -> bool:
        """Whether the new schema's version is too low for its changes."""
        declared = version_of(self.new.snapshot)
        if self.version is None or declared is None:
            return False
        return replace(declared, released=True) < self.version

    def render(self, format_: str) -> str:
        """The report in one of `FORMATS`."""
        return {"text": _text, "markdown": markdown, "json": _json}[format_](self)


def _heading(change: SchemaChange) -> str:
    breaks = " and ".join(change.judgement.breaks)
    return f"Breaks {breaks}" if breaks else "Compatible"


def _name(schema: Schema) -> str:
    version = version_of(schema.snapshot)
    return visible(f"{schema.name} ({version})" if version else schema.name)


def summary(report: DiffReport) -> str:
    """What changed, and which version it needs, in a sentence."""
    step = needed_step(report.changes)
    if step is None:
        return "Nothing changed."
    breaking = len(report.breaking)
    compatible = counted(len(report.changes) - breaking, "compatible change")
    text = f"{breaking} breaking and {compatible}: "
    text += f"a {step} version"
    if report.version:
        text += f", {report.version} or later"
    if report.too_low:
        text += f"; {version_of(report.new.snapshot)} is too low"
    return f"{text}."


def _text(report: DiffReport) -> str:
    lines = [f"{_name(report.old)} -> {_name(report.new)}"]
    for heading, group in groupby(report.changes, key=_heading):
        lines += ["", f"{heading}:"]
        for change in group:
            lines += [f"  {change.difference}", f"      {change.judgement.reason}"]
    return "\n".join([*lines, "", summary(report)]) + "\n"


def markdown(report: DiffReport) -> str:
    """The changes as lists, for schema/CHANGES.md, without the names of the two schemas."""
    parts = []
    for heading, group in groupby(report.changes, key=_heading):
        rows = [
            f"- {code(str(each.difference))}: {escape(each.judgement.reason)}" for each in group
        ]
        parts.append("\n".join([f"**{heading}**", "", *rows]))
    return "\n\n".join([*parts, escape(summary(report))]) + "\n"


def _json(report: DiffReport) -> str:
    step = needed_step(report.changes)
    content = {
        **{
            side: {"source": schema.name, "version": _or_none(version_of(schema.snapshot))}
            for side, schema in (("old", report.old), ("new", report.new))
        },
        "changes": [
            {
                "kind": change.difference.kind,
                "table": change.difference.table,
                "object": change.difference.object,
                "property": change.difference.property,
                "was": change.difference.was,
                "is": change.difference.is_,
                "breaks": change.judgement.breaks,
                "reason": change.judgement.reason,
                "step": str(change.judgement.step),
            }
            for change in report.changes
        ],
        "summary": {
            "breaking": len(report.breaking),
            "compatible": len(report.changes) - len(report.breaking),
        },
        "step": _or_none(step),
        "version": _or_none(report.version),
        "too_low": report.too_low,
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _or_none(value: object) -> str | None:
    return None if value is None else str(value)
