"""Runs the finders: whole values of all tables in one query, then parts."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction
from django.db.models import QuerySet, UUIDField

from veza_core.access import StaffRequest
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.reading import STATEMENT_TIMEOUT, reading, stopped_by_timeout

from ..site import StaffSite
from .finders import CANDIDATES, ID, SHORT_ID, Finder
from .term import Term

#: If more than `CANDIDATES` of so many newest rows contain a part, it is common, and these are the
#: answer. Otherwise, most of an index would be read before the first row is found.
NEWEST_ROWS = 5_000

#: Milliseconds for the parts in all rows; after that, only the newest ones count.
PARTS_TIMEOUT = 150


@dataclass(frozen=True, slots=True)
class Question:
    """A finder, for the table of a screen."""

    screen: InspectionAdmin
    finder: Finder


@dataclass(slots=True)
class Kind:
    """What was found in one table: keys, and the first finder for each."""

    screen: InspectionAdmin
    hits: dict[uuid.UUID, Finder] = field(default_factory=dict)
    #: Whether a finder had more rows than wanted, and whether one for whole values had.
    cut: bool = False
    filled: bool = False
    #: Whether parts of its names are too common, and only the newest rows were searched.
    too_common: bool = False


def find(request: StaffRequest, site: StaffSite, term: Term) -> list[Kind]:
    """Run every finder of the tables that the user may read.

    Kinds without a hit are left out. Call it in `reading(site.read_alias)`.
    """
    alias = site.read_alias
    questions = list(_questions(request, site, term))
    kinds = {question.screen: Kind(question.screen) for question in questions}
    whole = [question for question in questions if not question.finder.is_part]
    if alias == DEFAULT_DB_ALIAS:
        _ask(kinds, alias, term, whole)
    else:
        _ask(kinds, alias, term, [question for question in whole if not question.finder.secret])
        if secret := [question for question in whole if question.finder.secret]:
            with reading(DEFAULT_DB_ALIAS):
                _ask(kinds, DEFAULT_DB_ALIAS, term, secret)
    _ask_for_parts(
        kinds, alias, term, [question for question in questions if question.finder.is_part]
    )
    return [kind for kind in kinds.values() if kind.hits or kind.too_common]


def _questions(request: StaffRequest, site: StaffSite, term: Term) -> Iterator[Question]:
    for screen in site.screens():
        if not screen.has_view_permission(request):
            continue
        own = (ID, SHORT_ID) if isinstance(screen.opts.pk, UUIDField) else ()
        for finder in (*own, *screen.finders):
            if finder.value(term) is not None:
                yield Question(screen, finder)


def _ask(
    kinds: dict[InspectionAdmin, Kind], alias: str, term: Term, questions: Sequence[Question]
) -> None:
    """Run several questions in one query, and add what it finds to `kinds`."""
    if not questions:
        return
    counts = [0] * len(questions)
    for place, pk in _union(
        question.finder.rows(question.screen.model, alias, term, place)
        for place, question in enumerate(questions)
    ):
        question, kind = questions[place], kinds[questions[place].screen]
        counts[place] += 1
        if counts[place] > CANDIDATES:
            kind.cut = True
            kind.filled = kind.filled or question.finder.is_whole
        else:
            kind.hits.setdefault(pk, question.finder)


def _union(queries: Iterable[QuerySet[Any]]) -> Iterable[Any]:
    first, *others = queries
    return first.union(*others, all=True) if others else first


def _ask_for_parts(
    kinds: dict[InspectionAdmin, Kind], alias: str, term: Term, questions: Sequence[Question]
) -> None:
    """Search for parts of names: in the newest rows first, and in all rows if they are rare there.

    Not in tables whose whole names have filled the page.
    """
    unfilled = [question for question in questions if not kinds[question.screen].filled]
    newest = {
        screen: _among_the_newest(screen, alias, term)
        for screen in dict.fromkeys(question.screen for question in unfilled)
    }
    for screen, hits in newest.items():
        kinds[screen].too_common = len(hits) > CANDIDATES
    rare = [question for question in unfilled if not kinds[question.screen].too_common]
    if rare:
        _limit(alias, PARTS_TIMEOUT)
        try:
            with transaction.atomic(using=alias):
                _ask(kinds, alias, term, rare)
        except OperationalError as error:
            if not stopped_by_timeout(error):
                raise
            for question in rare:
                kinds[question.screen].too_common = True
        _limit(alias, STATEMENT_TIMEOUT)
    for screen, hits in newest.items():
        if kinds[screen].too_common:
            kinds[screen].cut = len(hits) > CANDIDATES
            for pk, finder in list(hits.items())[:CANDIDATES]:
                kinds[screen].hits.setdefault(pk, finder)


def _among_the_newest(screen: InspectionAdmin, alias: str, term: Term) -> dict[uuid.UUID, Finder]:
    """Which of the newest rows of a table contain the part, and by which finder."""
    parts = {finder.column: finder for finder in screen.finders if finder.is_part}
    # An aggregate over limited rows: the limit comes before the condition.
    found = (
        screen.model._base_manager.using(alias)
        .order_by("-created_at")[:NEWEST_ROWS]
        .aggregate(**{
            f"by_{column}": ArrayAgg("pk", filter=finder.condition(term), default=[])
            for column, finder in parts.items()
        })
    )  # fmt: skip
    hits: dict[uuid.UUID, Finder] = {}
    for column, finder in parts.items():
        for pk in found[f"by_{column}"]:
            hits.setdefault(pk, finder)
    return hits


def _limit(alias: str, milliseconds: int) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
