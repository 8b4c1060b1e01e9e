"""The results for the page: a table for each kind of row, exact matches first."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connections
from django.db.models import Model
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from psycopg import sql

from veza_core.access import StaffRequest
from veza_core.models import User
from veza_core.screens.bounded import as_columns
from veza_core.screens.columns import HtmlTable, secret_fields
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.labels import attach, list_of
from veza_core.screens.panel_queries import reader_of

from ..site import StaffSite
from .engine import Kind, find
from .finders import CANDIDATES, Finder
from .term import Term

#: Columns whose value identifies one row.
NAMING = ("id", "email", "username", "slug", "token_hash", "provider_user_id")

#: Rows shown of one kind.
ROWS_PER_KIND = 10


@dataclass(frozen=True, slots=True)
class ResultGroup:
    """The rows of one kind that were found."""

    title: str
    #: As in "7 tracks".
    noun: str
    db_table: str
    #: The shown rows, best first.
    rows: Sequence[Model]
    table: SafeString
    number: int
    #: Whether there are more than `number`.
    cut: bool
    too_common: bool
    #: The list of all of them, if one of its filters finds them; otherwise empty.
    url: str
    #: Whether this filter is a criterion, so that the list is the whole answer.
    is_criterion: bool
    is_exact: bool
    #: Those that were found by a value that identifies one row.
    named: Sequence[Model]

    @property
    def count(self) -> str:
        """As in "7", or "50+"."""
        return f"{self.number}+" if self.cut else str(self.number)

    @property
    def hidden(self) -> bool:
        return self.cut or self.number > len(self.rows)


def find_groups(request: StaffRequest, site: StaffSite, term: Term) -> list[ResultGroup]:
    """Search, and read the rows that were found: one query for rows, one for the names of what
    they refer to. Call it in `reading(site.read_alias)`.
    """
    kinds = find(request, site, term)
    found = _load(site.read_alias, kinds)
    shown = [
        sorted(rows, key=lambda row, kind=kind: _place(kind, row, term))[:ROWS_PER_KIND]  # type: ignore[misc]
        for kind, rows in zip(kinds, found, strict=True)
    ]
    attach(request, site, [row for rows in shown for row in rows])
    found_groups = [
        _group(kind, rows, len(all_rows), term)
        for kind, rows, all_rows in zip(kinds, shown, found, strict=True)
    ]
    # Python's sort is stable: in both halves, the order of the screens.
    return sorted(found_groups, key=lambda group: not group.is_exact)


def the_one(found: Sequence[ResultGroup], *, alone: bool = True) -> Model | None:
    """The only row with the typed ID, name, e-mail or token; otherwise None.

    What else identifies the same account, such as its identity at a provider, does not count as
    another row. Any other value, such as a title or an address, counts only if exactly one row has
    it; `alone`: no list has this name.
    """
    named = [row for group in found for row in group.named]
    owners = [row for row in named if isinstance(row, User)] or named
    if not owners:
        rows = [row for group in found for row in group.rows]
        return rows[0] if alone and len(rows) == 1 and found[0].is_exact else None
    if len(owners) != 1:
        return None
    (one,) = owners
    others = [row for row in named if row is not one]
    return one if all(row.__dict__.get("user_id") == one.pk for row in others) else None


def _group(kind: Kind, rows: Sequence[Model], number: int, term: Term) -> ResultGroup:
    screen = kind.screen
    table = HtmlTable.of(screen.panel_columns(""), rows)
    by = [kind.hits[row.pk].label for row in rows]
    return ResultGroup(
        title=capfirst(str(screen.opts.verbose_name_plural)) or "",
        noun=str(screen.opts.verbose_name if number == 1 else screen.opts.verbose_name_plural),
        db_table=screen.opts.db_table,
        rows=rows,
        table=HtmlTable(
            [*table.headings, "Found by"],
            [[*cells, label] for cells, label in zip(table.rows, by, strict=True)],
        ).html(f"found-{screen.opts.db_table}"),
        number=min(number, CANDIDATES),
        cut=kind.cut or number > CANDIDATES,
        too_common=kind.too_common,
        url=_list_of(kind, term),
        is_criterion=bool(_criterion(kind)),
        named=[row for row in rows if names_one(kind.hits[row.pk])],
        is_exact=any(kind.hits[row.pk].is_whole for row in rows),
    )


def names_one(finder: Finder) -> bool:
    """Whether a finder compares a whole value that is unique to a row."""
    return finder.column in NAMING and finder.wants in ("id", "ids", "text", "slug", "hash")


def _list_of(kind: Kind, term: Term) -> str:
    """The list of all rows that were found, if its key is what they were found by."""
    if name := _criterion(kind):
        return list_of(kind.screen.model, **{name: getattr(term, name)})
    columns = {finder.column for finder in kind.hits.values()}
    if len(columns) != 1 or not columns <= set(kind.screen.keys):
        return ""
    (name,) = columns
    return list_of(kind.screen.model, **{name: term.address or term.text})


def _criterion(kind: Kind) -> str:
    """The filter of the list for what was found, such as a domain; empty if there is none."""
    wants = {finder.wants for finder in kind.hits.values()}
    return next((one.name for one in kind.screen.criteria if wants == {one.name}), "")


def _place(kind: Kind, row: Model, term: Term) -> tuple[bool, bool, bool, int]:
    """The rank of a row: whole values first, live rows before deleted ones, then beginnings."""
    finder = kind.hits[row.pk]
    deleted = row.__dict__.get("deleted_at") is not None
    if finder.is_whole or finder.order:
        # In the order in which they were found: newest first, if the index has this order.
        return not finder.is_whole, deleted, False, list(kind.hits).index(row.pk)
    value = str(row.__dict__.get(finder.column) or "")
    begins = value.casefold().startswith(term.text.casefold())
    return True, deleted, not begins, len(value)


def _load(alias: str, kinds: Sequence[Kind]) -> list[list[Model]]:
    """The rows of each kind, all in one query: as JSON, because their columns differ."""
    rows: list[list[Model]] = [[] for _ in kinds]
    nonempty = [(place, kind) for place, kind in enumerate(kinds) if kind.hits]
    if not nonempty:
        return rows
    names = [_fields(kind) for kind in kinds]
    query = sql.SQL(" UNION ALL ").join(
        _rows_as_json(place, kind.screen, names[place]) for place, kind in nonempty
    )
    keys: list[list[uuid.UUID]] = [list(kind.hits) for _, kind in nonempty]
    read = {place: reader_of(kind.screen.model, names[place], alias) for place, kind in nonempty}
    with connections[alias].cursor() as cursor:
        cursor.execute(query, keys)
        for place, text in cursor.fetchall():
            rows[place].append(read[place](json.loads(text)))
    return rows


def _fields(kind: Kind) -> list[str]:
    """The fields of a kind's rows: its columns, and what they were found by; never a secret."""
    model = kind.screen.model
    names = set(kind.screen.selected(kind.screen.panel_columns("")))
    names |= {finder.column for finder in kind.hits.values()}
    return sorted(names - secret_fields(model))


def _rows_as_json(place: int, screen: InspectionAdmin, names: Sequence[str]) -> sql.Composed:
    return sql.SQL(
        "(SELECT {}, row_to_json(found)::text FROM (SELECT {} FROM {} WHERE id = ANY(%s)) AS found)"
    ).format(
        place,
        as_columns(screen.model, names),
        sql.Identifier(screen.opts.db_table),
    )
