"""Deletes all content of a user, and restores it: one action, one reason, one undo.

`AppConfig.content` names an app's tables with content, each with its foreign key to the owner. The
rows are changed in batches, each in one transaction with its entries in the staff log. The user's
own entry is written first. So its undo also works if somebody closes the page before the end.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import batched, islice
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django import forms
from django.core.serializers.json import DjangoJSONEncoder
from django.db import router
from django.http.response import HttpResponseBase

from veza_core.access import Access
from veza_core.counted import counted
from veza_core.models import User
from veza_core.screens.actions.action import (
    Change,
    ChangeContext,
    ConflictError,
    LeftOut,
    RowAction,
    short,
)
from veza_core.screens.actions.addresses import next_of, undo_url, values, way_back
from veza_core.screens.actions.perform import GONE, Outcome, perform_some
from veza_core.screens.actions.progress import ActionRun, progress
from veza_core.screens.actions.selection import CHUNK
from veza_core.screens.actions.soft_deletion import Restore, SoftDelete
from veza_core.screens.display import declared
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.site import StaffSite

from .standing import (
    MOST_CONTENT,
    account_refusals,
    has_content,
    owner_refusals,
)

REPEAT_FOR_OTHERS = f"This action changes at most {MOST_CONTENT:,} rows. Repeat it for the others."
NONE = "{} has no content, or all of it is already deleted."
SINCE = "It was restored since then, or deleted by another action."


class Item(NamedTuple):
    """A content row, and the time of its deletion from the staff log."""

    screen: InspectionAdmin
    pk: UUID
    deleted_at: str = ""


class ContentAction(RowAction):
    """An action on an account that changes the account's content."""

    rule = staticmethod(account_refusals)
    #: The action on each row.
    each: Callable[[str], SoftDelete | Restore]

    def __init__(self) -> None:
        self.permissions = tuple(f"{table}.delete" for table in declared("content"))

    def run(
        self, row: User, work: ChangeContext, change: Change, items: Sequence[Item], batch: UUID
    ) -> HttpResponseBase:
        """The page that changes the items, and shows the progress while it loads."""
        chunks: list[Sequence[Item]] = []
        for screen in dict.fromkeys(item.screen for item in items):
            of_table = (item for item in items if item.screen is screen)
            chunks += batched(of_table, CHUNK)
        query, screen = work.request.POST, self.screen_of(work.site)
        run = ActionRun(
            title=f"{self.label}: {short(row)}",
            chunks=chunks,
            do=lambda chunk: self.do(row, work, chunk, batch),
            message=lambda rows: f"{self.done} {short(row)}: {', '.join(counts(map(type, rows)))}.",
            undo=undo_url(self, row, change, next_of(query)),
            back=way_back(screen, query, row),
            back_to=short(row),
        )
        return progress(screen, work.request, run)

    def do(self, user: User, work: ChangeContext, chunk: Sequence[Item], batch: UUID) -> Outcome:
        """Change rows of one table, in one transaction that checks all permissions again."""
        screen, table = chunk[0].screen, chunk[0].screen.opts.db_table
        action = self.each(table)
        action.rule = owner_refusals(declared("content")[table])
        expected = {item.pk: item.deleted_at for item in chunk}
        of_user = {f"{declared('content')[table]}_id": user.pk}
        rows = screen.model._base_manager.using(router.db_for_write(screen.model))
        found = {row.pk: row for row in rows.filter(**of_user, pk__in=expected)}
        left_out, seen = [], {}
        for pk, deleted_at in expected.items():
            row = found.get(pk)
            if row is None:
                left_out.append(LeftOut(str(pk)[:8], GONE))
            elif recorded(row.deleted_at) != deleted_at:
                left_out.append(LeftOut(short(row), SINCE))
            else:
                seen[pk] = action.seen(row)
        outcome = Outcome(left_out=left_out)
        if seen:
            outcome.add(
                perform_some(screen, work.request, action, seen, lambda _: {}, work.reason, batch)
            )
        return outcome

    @staticmethod
    def screen_of(site: StaffSite) -> InspectionAdmin:
        screen = site.screen_of(User)
        assert screen is not None  # noqa: S101 - its page has this action
        return screen


class DeleteContent(ContentAction):
    name = "delete_content"
    label = "Delete all content"
    done = "Deleted all content of"
    explanation = (
        "Everything that the user has published is deleted: only staff can see it from then on. "
        "All of it can be restored with one action, until the purge deletes it permanently. The "
        "account itself does not change."
    )
    typed = "username"
    undo = "restore_content"
    each = SoftDelete

    def why_pointless(self, access: Access, row: User) -> str:
        return "" if has_content(row) else NONE.format(short(row))

    def concerned(self, site: StaffSite, row: User, query: Mapping[str, str]) -> Sequence[str]:
        items = self.items(site, row)
        cut = [REPEAT_FOR_OTHERS] if len(items) > MOST_CONTENT else []
        return [*counts(item.screen.model for item in items[:MOST_CONTENT]), *cut]

    def items(self, site: StaffSite, user: User) -> list[Item]:
        """The rows to delete, at most `MOST_CONTENT` and one more."""
        found = list(islice(_live(site, user), MOST_CONTENT + 1))
        if not found:
            raise ConflictError(NONE.format(short(user)))
        return found

    def change(self, row: User, work: ChangeContext) -> Change:
        items = self.items(work.site, row)[:MOST_CONTENT]
        return Change({}, {"deletion": str(uuid4()), **_by_table(items)})

    def answer(self, row: User, change: Change, work: ChangeContext) -> HttpResponseBase:
        items = self.items(work.site, row)[:MOST_CONTENT]
        return self.run(row, work, change, items, UUID(change.after["deletion"]))

    def undo_values(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
        return {"deletion": str(after.get("deletion", ""))}


class RestoreContent(ContentAction):
    name = "restore_content"
    label = "Restore the content"
    done = "Restored the content of"
    explanation = (
        "What that action deleted is visible again, unchanged. What was deleted before or after "
        "it stays deleted."
    )
    undo = "delete_content"
    offered = False
    each = Restore

    def fields(self, access: Access, rows: Sequence[Any]) -> dict[str, forms.Field]:
        return {"deletion": forms.UUIDField(widget=forms.HiddenInput)}

    def concerned(self, site: StaffSite, row: User, query: Mapping[str, str]) -> Sequence[str]:
        try:
            deletion = UUID(query.get("deletion", ""))
        except ValueError as error:
            raise ConflictError("Choose “Undo” next to the deletion that you mean.") from error
        return counts(item.screen.model for item in self.items(site, deletion))

    def items(self, site: StaffSite, deletion: UUID) -> list[Item]:
        screens = {screen.opts.db_table: screen for screen in _screens(site)}
        found = [
            Item(screens[table], UUID(entry.subject_id), values(entry.after).get("deleted_at", ""))
            for entry in site.entries_of(deletion)
            for table, _, name in [entry.action.rpartition(".")]
            if name == SoftDelete.name and table in screens
        ]
        if not found:
            raise ConflictError("There is no such deletion of content.")
        return found

    def change(self, row: User, work: ChangeContext) -> Change:
        deletion = work.values["deletion"]
        items = self.items(work.site, deletion)
        return Change({}, {"deletion": str(deletion), **_by_table(items)})

    def answer(self, row: User, change: Change, work: ChangeContext) -> HttpResponseBase:
        items = self.items(work.site, work.values["deletion"])
        return self.run(row, work, change, items, uuid4())


def _screens(site: StaffSite) -> list[InspectionAdmin]:
    return [screen for screen in site.screens() if screen.opts.db_table in declared("content")]


def _live(site: StaffSite, user: User) -> Iterator[Item]:
    """A user's rows that are not deleted, by table."""
    for screen in _screens(site):
        key = declared("content")[screen.opts.db_table]
        # For ANY and the order by the key, see `screens.lookups`.
        rows = screen.model._base_manager.using(router.db_for_write(screen.model)).filter(
            **{f"{key}__any_of": user.pk}, deleted_at=None
        )
        for pk in rows.order_by(f"{key}_id").values_list("pk", flat=True)[: MOST_CONTENT + 1]:
            yield Item(screen, pk)


def counts(models: Any) -> list[str]:
    """How many rows of each model, in words."""
    return [
        counted(number, str(model._meta.verbose_name), str(model._meta.verbose_name_plural))
        for model, number in Counter(models).items()
    ]


def _by_table(items: Sequence[Item]) -> dict[str, int]:
    return dict(Counter(item.screen.opts.db_table for item in items))


def recorded(moment: Any) -> str:
    """A time in the staff log's format; empty for none."""
    return DjangoJSONEncoder().default(moment) if moment else ""


CONTENT_ACTIONS = (DeleteContent(), RestoreContent())
