"""The reviewed exceptions: findings that somebody has looked at, and accepted for a while.

[[exception]]
rule = "fk-missing"
object = "public.audit_log.subject_id"
reason = "Refers to a table that subject_type names."
expires = 2026-12-31
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from veza_core.errors import ClearError
from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.quoting import ident
from veza_core.schema.audit.rule import Finding, Rule, Severity

_FIELDS = {"rule": str, "object": str, "reason": str, "expires": date}

EXPIRED = Rule(
    id="exception-expired",
    group="exceptions",
    title="Exception past its date",
    severity=Severity.ERROR,
    reason="An exception is a debt with a date; past it the finding counts again.",
    remedy="Mend the finding and delete the exception, or review it and give it a new date.",
    bad='[[exception]]\nrule = "fk-missing"\nobject = "public.plays.subject_id"\n'
    'reason = "Refers to a table that subject_type names."\nexpires = 2020-01-31',
    good='[[exception]]\nrule = "fk-missing"\nobject = "public.plays.subject_id"\n'
    'reason = "Refers to a table that subject_type names."\nexpires = 2099-01-31',
    example="public.plays.subject_id",
    check=None,
)

UNUSED = Rule(
    id="exception-unused",
    group="exceptions",
    title="Exception that excuses nothing",
    severity=Severity.WARNING,
    reason="An exception whose finding is gone would hide the next one of its kind.",
    remedy="Delete it from the exceptions file.",
    bad='[[exception]]\nrule = "fk-missing"\nobject = "public.no_such_table.subject_id"\n'
    'reason = "Refers to a table that subject_type names."\nexpires = 2099-01-31',
    good="# nothing: the finding is gone, and the exception with it",
    example="public.no_such_table.subject_id",
    check=None,
)

RULES = (EXPIRED, UNUSED)


class ExceptionsError(ClearError):
    """The exceptions file cannot be used; the text is one clear line."""


@dataclass(frozen=True, slots=True)
class _Exception:
    rule: str
    object: str
    reason: str
    expires: date


@dataclass(frozen=True, slots=True)
class ExceptionFile:
    """The exceptions of one file, whose `path` is as the user gave it."""

    path: str
    entries: tuple[_Exception, ...]

    def apply(
        self, findings: list[Finding], rules: Iterable[Rule], catalog: Catalog, today: date
    ) -> list[Finding]:
        """Leave out what is excused; add what is expired (after its date) or unused.

        An exception for a rule that did not run, or for a schema that was not audited, is neither.
        """
        ran = {rule.id for rule in rules}
        schemas = tuple(f"{ident(schema)}." for schema in catalog.schemas)
        found = {(finding.rule.id, finding.object) for finding in findings}
        excused, extra = set(), []
        for entry in self.entries:
            what = (entry.rule, entry.object)
            if entry.rule not in ran or not (what in found or entry.object.startswith(schemas)):
                continue
            if entry.expires < today:
                extra.append(self._finding(EXPIRED, entry, f"expired on {entry.expires}"))
            elif what not in found:
                extra.append(self._finding(UNUSED, entry, "there is no such finding"))
            else:
                excused.add(what)
        left = [finding for finding in findings if (finding.rule.id, finding.object) not in excused]
        return left + extra

    def _finding(self, rule: Rule, entry: _Exception, what: str) -> Finding:
        message = f"{self.path}: the exception for {entry.rule} on {entry.object}: {what}"
        return Finding(rule, None, f"{entry.rule} {entry.object}", message, rule.remedy, None)


def read_exceptions(path: Path, rules: Iterable[Rule]) -> ExceptionFile:
    """Read the file. Raises `ExceptionsError` when it is missing, malformed or says nonsense."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExceptionsError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExceptionsError(f"{path}: {error}") from error
    entries = content.pop("exception", [])
    if content or not isinstance(entries, list):
        raise ExceptionsError(f"{path}: takes [[exception]] tables, and nothing else")
    known = {rule.id for rule in rules}
    read: dict[tuple[str, str], _Exception] = {}
    for number, entry in enumerate(entries, 1):
        try:
            exception = _entry(entry, known)
            if (exception.rule, exception.object) in read:
                raise ValueError("is there twice")
        except ValueError as error:
            raise ExceptionsError(f"{path}: exception {number}: {error}") from error
        read[exception.rule, exception.object] = exception
    return ExceptionFile(str(path), tuple(read.values()))


def _entry(entry: Any, known: set[str]) -> _Exception:
    if not isinstance(entry, dict) or set(entry) != set(_FIELDS):
        raise ValueError(f"takes exactly {', '.join(_FIELDS)}")
    for name, kind in _FIELDS.items():
        if not isinstance(entry[name], kind) or isinstance(entry[name], datetime):
            form = "a date (2026-12-31, without quotes)" if kind is date else "a text"
            raise ValueError(f"{name} has to be {form}")
        if isinstance(entry[name], str) and not entry[name].strip():
            raise ValueError(f"{name} is empty")
    if entry["rule"] not in known:
        raise ValueError(f"there is no rule {entry['rule']}")
    return _Exception(**entry)
