"""The reviewed exceptions: findings that somebody has looked at, and accepted for a while.

[[exception]]
rule = "fk-missing"
object = "public.audit_log.subject_id"
reason = "Refers to a table that subject_type names."
expires = 2026-12-31

In `rule` and `object`, * matches any text: "public.legacy_*".
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from veza_core.errors import ClearError
from veza_core.schema.audit.rule import Finding, Rule, Severity
from veza_core.schema.quoting import ident

_FIELDS = {"rule": str, "object": str, "reason": str, "expires": date}

EXPIRED = Rule(
    id="exception-expired",
    group="exceptions",
    title="Expired exception",
    severity=Severity.ERROR,
    reason="Each exception has an end date. After that date, its finding is reported again.",
    remedy="Fix the finding and delete the exception, or review it and give it a new date.",
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
    title="Unused exception",
    severity=Severity.WARNING,
    reason="If the finding is fixed, its exception would hide the next such finding. An exception "
    "with a typing error in the rule or the object has no effect.",
    remedy="Delete it from the exceptions file, or write the names as the audit writes them.",
    bad='[[exception]]\nrule = "fk-missing"\nobject = "public.no_such_table.subject_id"\n'
    'reason = "Refers to a table that subject_type names."\nexpires = 2099-01-31',
    good="# nothing: the finding is gone, and the exception with it",
    example="public.no_such_table.subject_id",
    check=None,
)


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
    """The exceptions of a file, whose `path` is as the user gave it."""

    path: str
    entries: tuple[_Exception, ...]
    #: The ids of all rules, including those that do not run.
    known: tuple[str, ...]

    def apply(
        self, findings: list[Finding], rules: Iterable[Rule], elsewhere: Iterable[str], today: date
    ) -> list[Finding]:
        """Leave out accepted findings; add expired exceptions and unused ones.

        An exception counts as neither if its rule did not run, or if its schema was not audited.
        `elsewhere` names the database's schemas that were not audited.
        """
        ran = {rule.id for rule in rules}
        others = tuple(f"{ident(schema)}." for schema in elsewhere)
        excused: set[tuple[str, str]] = set()
        extra = []
        for entry in self.entries:
            hits = {
                (finding.rule.id, finding.object)
                for finding in findings
                if _matches(entry.rule, finding.rule.id) and _matches(entry.object, finding.object)
            }
            known = [rule for rule in self.known if _matches(entry.rule, rule)]
            if known and not ran.intersection(known):
                continue
            if not hits and entry.object.startswith(others):
                continue
            if entry.expires < today:
                extra.append(self._finding(EXPIRED, entry, f"expired on {entry.expires}"))
            elif not hits:
                extra.append(self._finding(UNUSED, entry, self._why(entry, known, findings)))
            else:
                excused |= hits
        left = [finding for finding in findings if (finding.rule.id, finding.object) not in excused]
        return left + extra

    def _why(self, entry: _Exception, known: list[str], findings: list[Finding]) -> str:
        """Say why an exception has no finding, and which name its writer may have meant."""
        if not known:
            what, wanted, names = f"there is no rule {entry.rule!r}", entry.rule, [*self.known]
        else:
            what, wanted = "there is no such finding", entry.object
            names = [each.object for each in findings if each.rule.id in known]
        near = get_close_matches(wanted.strip().lower(), names, n=1)
        return f"{what}; did you mean {near[0]}?" if near else what

    def _finding(self, rule: Rule, entry: _Exception, what: str) -> Finding:
        message = f"{self.path}: the exception for {entry.rule} on {entry.object}: {what}"
        return Finding(rule, None, f"{entry.rule} {entry.object}", message, rule.remedy, None)


def read_exceptions(path: Path, rules: Iterable[Rule]) -> ExceptionFile:
    """Read the file. Raises `ExceptionsError` if it is missing or malformed."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExceptionsError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExceptionsError(f"{path}: {error}") from error
    entries = content.pop("exception", [])
    if content or not isinstance(entries, list):
        raise ExceptionsError(f"{path}: only [[exception]] tables are allowed")
    rules = tuple(rules)
    read: dict[tuple[str, str], _Exception] = {}
    for number, entry in enumerate(entries, 1):
        try:
            exception = _entry(entry)
            if (exception.rule, exception.object) in read:
                raise ValueError("appears twice")
        except ValueError as error:
            raise ExceptionsError(f"{path}: exception {number}: {error}") from error
        read[exception.rule, exception.object] = exception
    return ExceptionFile(str(path), tuple(read.values()), tuple(rule.id for rule in rules))


def _matches(pattern: str, text: str) -> bool:
    """Whether the text matches the pattern, in which * matches anything."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def _entry(entry: Any) -> _Exception:
    if not isinstance(entry, dict) or set(entry) != set(_FIELDS):
        raise ValueError(f"must have exactly {', '.join(_FIELDS)}")
    for name, kind in _FIELDS.items():
        if not isinstance(entry[name], kind) or isinstance(entry[name], datetime):
            form = "a date (2026-12-31, without quotes)" if kind is date else "a text"
            raise ValueError(f"{name} must be {form}")
        if isinstance(entry[name], str) and not entry[name].strip():
            raise ValueError(f"{name} is empty")
    return _Exception(**entry)
