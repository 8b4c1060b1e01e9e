"""Runs rules over one snapshot, and collects their findings in a report."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import psycopg

from veza_core.collector import collector_paused
from veza_core.counted import counted
from veza_core.schema.audit.catalog import AuditedDatabase, Catalog
from veza_core.schema.audit.distributed import notes
from veza_core.schema.audit.disturbance import undisturbed
from veza_core.schema.audit.drift import find_drift
from veza_core.schema.audit.exceptions import ExceptionFile
from veza_core.schema.audit.indexes import mark_work_in_progress
from veza_core.schema.audit.objects import Table
from veza_core.schema.audit.profiles import Profile, recognise, rules_of
from veza_core.schema.audit.reader import read_catalog
from veza_core.schema.audit.rule import Finding, Found, Rule, Severity
from veza_core.schema.audit.rules.drift import DRIFT, TUNING
from veza_core.schema.audit.rules.governance import PUBLIC
from veza_core.schema.audit.session import snapshot


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of an audit.

    `server_version` is as PostgreSQL writes it: 18.6. `schema_version` is V1's version in `public`,
    if the database has it.
    """

    place: AuditedDatabase
    server_version: str
    schema_version: str | None
    schemas: tuple[str, ...]
    table_count: int
    rules: tuple[Rule, ...]
    #: The profile that was used.
    profile: Profile
    findings: tuple[Finding, ...]
    #: The type of each table's primary key, for the gap table.
    primary_keys: dict[str, str]
    date: date
    #: Information that is not a finding: where the rows are.
    notes: tuple[str, ...] = ()
    #: How many findings a baseline has accepted.
    accepted: int = 0

    @property
    def database(self) -> str:
        return self.place.database

    def without(self, keys: frozenset[str]) -> "AuditReport":
        """Return the report without the findings with these keys."""
        left = tuple(finding for finding in self.findings if finding.key not in keys)
        return replace(self, findings=left, accepted=len(self.findings) - len(left))

    @property
    def all_rules(self) -> list[Rule]:
        """The rules that ran, and those of the exceptions, if they have a finding."""
        return list(dict.fromkeys([*self.rules, *(finding.rule for finding in self.findings)]))

    @property
    def scope(self) -> str:
        """The schemas, `public` with its version."""
        version = f" {self.schema_version}" if self.schema_version else ""
        return ", ".join(f"{name}{version if name == PUBLIC else ''}" for name in self.schemas)

    @property
    def errors(self) -> int:
        return sum(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def warnings(self) -> int:
        return len(self.findings) - self.errors

    @property
    def counts(self) -> str:
        """As in "1 error and 0 warnings"."""
        return f"{counted(self.errors, 'error')} and {counted(self.warnings, 'warning')}"

    @property
    def verdict(self) -> str:
        """One line for commands that audit what they did."""
        if self.findings:
            return f"Audit: {self.counts}: manage.py audit_schema shows them."
        return f"Audit: {self.counts}, by {len(self.rules)} rules."


def audit(
    connection: psycopg.Connection[Any],
    schemas: Sequence[str],
    rules: Sequence[Rule],
    *,
    exceptions: ExceptionFile | None = None,
    profile: Profile | None = Profile.VEZA,
    spread: frozenset[str] = frozenset(),
    today: date | None = None,
) -> AuditReport:
    """Audit the schemas, read-only and in one snapshot.

    It runs those of `rules` that belong to the profile. If `profile` is None, it chooses a profile
    by what the database contains. `spread` is for `find_drift`. Takes a plain connection without a
    transaction in progress. Raises `AuditError`, and `psycopg.Error` if the server ends the work.
    """
    names = tuple(dict.fromkeys(schemas))
    # Nothing is garbage before the end, and garbage collection would take a fifth of the time.
    with collector_paused():
        catalog, profile, ran, drift = undisturbed(
            connection, lambda: _read(connection, names, rules, profile, spread)
        )
        mark_work_in_progress(connection, catalog)
        findings = [*check(catalog, ran), *drift]
    today = today or datetime.now(UTC).date()
    if exceptions is not None:
        findings = exceptions.apply(findings, ran, catalog.other_schemas, today)
    return AuditReport(
        place=catalog.place,
        server_version=f"{catalog.server_version // 10000}.{catalog.server_version % 10000}",
        schema_version=catalog.schema_version if PUBLIC in catalog.schemas else None,
        schemas=catalog.schemas,
        table_count=len(catalog.tables),
        rules=ran,
        profile=profile,
        findings=tuple(_without_clashes(findings)),
        primary_keys={table.identity: _primary_key(table) for table in catalog.tables},
        date=today,
        notes=notes(catalog),
    )


def _read(
    connection: psycopg.Connection[Any],
    schemas: tuple[str, ...],
    rules: Sequence[Rule],
    profile: Profile | None,
    spread: frozenset[str],
) -> tuple[Catalog, Profile, tuple[Rule, ...], list[Finding]]:
    """The catalog, the profile, the rules that run, and the findings of drift."""
    with snapshot(connection):
        catalog = read_catalog(connection, schemas)
        profile = profile or recognise(connection, catalog)
        ran = rules_of(profile, rules)
        found = find_drift(connection, catalog, spread) if {DRIFT, TUNING} & {*ran} else ()
        return catalog, profile, ran, [_finding(rule, each) for rule, each in found if rule in ran]


def check(catalog: Catalog, rules: Iterable[Rule]) -> list[Finding]:
    """Run the rules; findings are in the rules' order, and by object within a rule."""
    findings: list[Finding] = []
    for rule in rules:
        if rule.check is not None:
            found = sorted(rule.check(catalog), key=lambda found: found.object)
            findings += [_finding(rule, each) for each in found]
    return findings


def _finding(rule: Rule, found: Found) -> Finding:
    return Finding(
        rule=rule,
        table=found.table.name if found.table else None,
        object=found.object,
        message=found.message,
        remedy=rule.remedy,
        fix=found.fix,
        query=found.query,
    )


def _without_clashes(findings: list[Finding]) -> Iterator[Finding]:
    """Leave out each fix that clashes with one of an earlier stage, by `Fix.claims`."""
    claimed: dict[str, Finding] = {}
    needed: dict[str, Finding] = {}
    withheld: dict[int, Finding] = {}
    fixes = [(finding.fix, finding) for finding in findings if finding.fix is not None]
    for fix, finding in sorted(fixes, key=lambda pair: pair[0].stage):
        clashes = [claimed.get(name) or needed.get(name) for name in sorted(fix.claims)]
        clashes += [claimed.get(name) for name in sorted(fix.needs)]
        if (clash := next(filter(None, clashes), None)) is not None:
            withheld[id(finding)] = clash
            continue
        claimed |= dict.fromkeys(fix.claims, finding)
        needed |= dict.fromkeys(fix.needs, finding)
    for finding in findings:
        if (clash := withheld.get(id(finding))) is None:
            yield finding
            continue
        first = f"First apply the fix of {clash.rule.id} for {clash.object}, then audit again."
        yield replace(finding, fix=None, remedy=f"{finding.remedy} {first}")


def _primary_key(table: Table) -> str:
    """The type of the primary key's column, or the columns with their types."""
    if table.primary_key is None:
        return "none"
    keys = [table.columns[name] for name in table.primary_key.keys if name is not None]
    if [column.name for column in keys] == ["id"]:
        return keys[0].type_name
    return ", ".join(f"{column.name} {column.type_name}" for column in keys)
