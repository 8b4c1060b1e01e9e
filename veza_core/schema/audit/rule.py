"""What a rule is, what it finds, and what would fix it."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.objects import Table


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"


class Stage(IntEnum):
    """The order in which fixes are printed: each stage may rely on earlier ones.

    A duplicate key goes before another fix changes it. A foreign key comes after the index that its
    checks read.
    """

    EXTENSION = 1
    COLUMN = 2
    DEFAULT = 3
    DROP_KEY = 4
    INDEX = 5
    CONSTRAINT = 6
    DROP_INDEX = 7
    TRIGGER = 8
    RENAME = 9
    OWNER = 10


@dataclass(frozen=True, slots=True)
class Fix:
    """SQL that fixes a finding without losing data, one element for each statement.

    `changes` says what clients notice of this fix, if this is not what the rule says. `otherwise`
    has the statements to run after one that fails, so that nothing half done stays.

    `claims` are the objects that it creates, alters or drops, and `needs` those that it relies
    on. If two fixes claim one object, or one claims what the other needs, only the first is
    printed. The next audit prints the other.
    """

    stage: Stage
    statements: tuple[str, ...]
    claims: frozenset[str]
    needs: frozenset[str] = frozenset()
    changes: str = ""
    otherwise: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def sql(self) -> str:
        """The statements as one text, one after another."""
        return "\n".join(self.statements)


@dataclass(frozen=True, slots=True)
class Found:
    """A result of a check; `table` is None if the object belongs to no table.

    `query` is a SELECT that shows the rows about which somebody must decide.
    """

    table: Table | None
    object: str
    message: str
    fix: Fix | None = None
    query: str = ""


type Check = Callable[[Catalog], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the Standard; its title, reason and remedy are Markdown.

    `bad` is DDL that breaks the rule, `good` is DDL that follows it, and `example` is the object
    that breaks it. `fix` is the SQL that is printed for `bad`, if any. `changes` says what
    clients notice after such SQL; it is empty if they notice nothing. `check` is None for a rule
    whose findings come from `find_drift`, or from the file of exceptions.
    """

    id: str
    group: str
    title: str
    severity: Severity
    reason: str
    remedy: str
    bad: str
    good: str
    example: str
    check: Check | None
    fix: str = ""
    changes: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A reported finding: a rule, the object that breaks it, and what to do."""

    rule: Rule
    table: str | None
    object: str
    message: str
    remedy: str
    fix: Fix | None
    query: str = ""

    @property
    def severity(self) -> Severity:
        return self.rule.severity

    @property
    def changes(self) -> str:
        """What clients notice after the fix; empty without a fix, or if they notice nothing."""
        return (self.fix.changes or self.rule.changes) if self.fix else ""

    @property
    def key(self) -> str:
        """A fingerprint of rule and object, the same in every run and on every server."""
        return hashlib.sha256(f"{self.rule.id}\0{self.object}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Group:
    """A group of rules; its two methods decorate a check, and turn it into a rule.

    They take the rule's id and title, and its other texts by name.
    """

    name: str

    def error(self, rule_id: str, title: str, **texts: str) -> Callable[[Check], Rule]:
        """Make a rule whose findings are errors."""
        return self._rule(Severity.ERROR, rule_id, title, texts)

    def warning(self, rule_id: str, title: str, **texts: str) -> Callable[[Check], Rule]:
        """Make a rule whose findings are warnings."""
        return self._rule(Severity.WARNING, rule_id, title, texts)

    def _rule(
        self, severity: Severity, rule_id: str, title: str, texts: dict[str, str]
    ) -> Callable[[Check], Rule]:
        stripped: dict[str, Any] = {name: text.strip() for name, text in texts.items()}

        def make(check: Check) -> Rule:
            return Rule(rule_id, self.name, title, severity, check=check, **stripped)

        return make


IDENTITY = Group("identity")
TIME = Group("time")
INTEGRITY = Group("integrity")
INDEXES = Group("indexes")
TYPES = Group("types")
GOVERNANCE = Group("governance")
SECURITY = Group("security")
OPERATION = Group("operation")
