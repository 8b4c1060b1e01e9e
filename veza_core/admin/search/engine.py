"""Asking the finders: whole values of all tables in one query, then parts, table by table."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.contrib.admin import AdminSite
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction
from django.db.models import BooleanField, Case, QuerySet, UUIDField, When
from django.http import HttpRequest

from veza_core.admin.inspection import InspectionAdmin
from veza_core.admin.reading import STATEMENT_TIMEOUT, reading

from .finders import CANDIDATES, ID, Finder
from .term import Term

#: Milliseconds for the parts of one table's names. What is in most of a large table's titles
#: ("the") would take longer: reading the index to its end comes before the first row. Then only
#: the newest rows are looked through for it, so many of them.
PART_TIMEOUT = 100
NEWEST = 5_000


@dataclass(frozen=True, slots=True)
class Question:
    """A finder, put to the table of a screen."""

    admin: InspectionAdmin
    finder: Finder


@dataclass(slots=True)
class Kind:
    """What was found in one table: keys, and by which finder first."""

    admin: InspectionAdmin
    hits: dict[uuid.UUID, Finder] = field(default_factory=dict)
    #: Whether a finder had more rows than it was asked for.
    cut: bool = False
    #: Whether parts of its names are too common, and were looked for in the newest rows only.
    too_common: bool = False


def find(request: HttpRequest, site: AdminSite, alias: str, term: Term) -> list[Kind]:
    """Ask every finder of the tables that the user may read. Kinds without a hit are left out.

    To be called within `reading(alias)`.
    """
    questions = list(_questions(request, site, term))
    kinds = {question.admin: Kind(question.admin) for question in questions}
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


def _questions(request: HttpRequest, site: AdminSite, term: Term) -> Iterator[Question]:
    for admin in site._registry.values():
        if not isinstance(admin, InspectionAdmin) or not admin.has_view_permission(request):
            continue
        own = (ID,) if isinstance(admin.opts.pk, UUIDField) else ()
        for finder in (*own, *admin.finders):
            if finder.value(term) is not None:
                yield Question(admin, finder)


def _ask(
    kinds: dict[InspectionAdmin, Kind], alias: str, term: Term, questions: Sequence[Question]
) -> None:
    """Put several questions in one query, and add what it finds to `kinds`."""
    if not questions:
        return
    counts = [0] * len(questions)
    for place, pk in _union(
        question.finder.rows(question.admin.model, alias, term, place)
        for place, question in enumerate(questions)
    ):
        question, kind = questions[place], kinds[questions[place].admin]
        counts[place] += 1
        if counts[place] > CANDIDATES:
            kind.cut = True
        else:
            kind.hits.setdefault(pk, question.finder)


def _union(queries: Iterable[QuerySet[Any]]) -> Iterable[Any]:
    first, *others = queries
    return first.union(*others, all=True) if others else first


def _ask_for_parts(
    kinds: dict[InspectionAdmin, Kind], alias: str, term: Term, questions: Sequence[Question]
) -> None:
    """Ask table by table, so that what is too common in one is still found in the others."""
    if not questions:
        return
    _limit(alias, PART_TIMEOUT)
    for admin in dict.fromkeys(question.admin for question in questions):
        own = [question for question in questions if question.admin is admin]
        try:
            with transaction.atomic(using=alias):
                _ask(kinds, alias, term, own)
        except OperationalError as error:
            if not isinstance(error.__cause__, psycopg.errors.QueryCanceled):
                raise
            kinds[admin].too_common = True
    _limit(alias, STATEMENT_TIMEOUT)
    for admin in dict.fromkeys(question.admin for question in questions):
        if kinds[admin].too_common:
            _ask_the_newest(kinds[admin], alias, term)


def _ask_the_newest(kind: Kind, alias: str, term: Term) -> None:
    """Look for parts in the newest rows of a table, without an index but that of the order.

    The condition is told of each row, and no row is left out by it: see `keyset.read_page`.
    """
    parts = [finder for finder in kind.admin.finders if finder.is_part]
    fits = [
        Case(When(finder.condition(term), then=True), default=False, output_field=BooleanField())
        for finder in parts
    ]
    rows = kind.admin.model._base_manager.using(alias).order_by("-created_at")
    for pk, *fitting in rows.values_list("pk", *fits)[:NEWEST]:
        finder = next((part for part, fit in zip(parts, fitting, strict=True) if fit), None)
        if finder is not None and len(kind.hits) > CANDIDATES:
            kind.cut = True
            return
        if finder is not None:
            kind.hits.setdefault(pk, finder)


def _limit(alias: str, milliseconds: int) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
