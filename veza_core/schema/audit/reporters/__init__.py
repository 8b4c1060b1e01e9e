"""One module for each format, which renders a report as text.

A module is imported only when somebody asks for its format: the table needs `rich`.
"""

from importlib import import_module

from veza_core.counted import counted
from veza_core.schema.audit.engine import AuditReport
from veza_core.schema.quoting import without_controls

#: For programs. `table` is for people, with a terminal's width and colour.
MACHINE_FORMATS = ("json", "markdown", "html", "sql", "github", "sarif", "junit")
FORMATS = ("table", *MACHINE_FORMATS)


def render(report: AuditReport, output_format: str) -> str:
    """Render the report in one of `MACHINE_FORMATS`, ending in a newline."""
    module = import_module(f"veza_core.schema.audit.reporters.{output_format}")
    text: str = module.render(report)
    return text


def where(report: AuditReport) -> str:
    """Return what was audited, in the words in which commands say where they are connected."""
    place = report.place
    address = f"{place.address}, " if place.address not in (None, place.host) else ""
    return without_controls(
        f"{place.database} on {place.host}:{place.port} "
        f"({address}PostgreSQL {report.server_version}) as {place.role}"
    )


def summary(report: AuditReport) -> str:
    """Return what was found, and where, in one sentence."""
    tables = counted(report.table_count, "table")
    more = f"; {report.accepted} more in the baseline" if report.accepted else ""
    return f"{report.counts} in {tables}, by {counted(len(report.rules), 'rule')}{more}"
