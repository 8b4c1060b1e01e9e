"""The site's interface for screens, because this package may not import the site."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.apps import apps
from django.contrib.admin import AdminSite
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse

from veza_core.access import StaffRequest

from .states import Criterion

if TYPE_CHECKING:
    from .inspection import InspectionAdmin

#: A row, a table for many of its rows, or nothing.
Subject = Model | type[Model] | None


class StaffSite(AdminSite):
    """Django's site, and what `veza_site.support.site` adds to it."""

    @property
    @abstractmethod
    def read_alias(self) -> str:
        """The database that screens read from.

        With DATABASE_SUPPORT_URL, its role cannot read secrets. It may be a replica.
        """

    def screen_of(self, model: type[Model]) -> "InspectionAdmin | None":
        """The screen of a table; None if it has none."""
        found: Any = self.get_model_admin(model) if self.is_registered(model) else None
        return found

    def screens(self) -> "Iterator[InspectionAdmin]":
        """All screens, in the order of the models."""
        return filter(None, map(self.screen_of, apps.get_models()))

    def screen_of_table(self, table: str) -> "InspectionAdmin | None":
        """The screen of a table, by the table's name; None if it has none."""
        return next((screen for screen in self.screens() if screen.opts.db_table == table), None)

    def address_filter(self, request: StaffRequest) -> "tuple[InspectionAdmin, Criterion] | None":
        """The screen with a filter by IP address, and the filter; None if the user may not use
        it.
        """
        for screen in self.screens():
            for one in screen.parameters(request).criteria:
                if one.name == "address" and screen.has_view_permission(request):
                    return screen, one
        return None

    def page(
        self, request: HttpRequest, template: str, context: Mapping[str, Any], status: int = 200
    ) -> TemplateResponse:
        """A page of this site, not yet rendered: with its menu, and with this context."""
        request.current_app = self.name
        shown = {**self.each_context(request), **context}
        return TemplateResponse(request, template, shown, status=status)

    @abstractmethod
    def record(
        self,
        request: StaffRequest,
        action: str,
        subject: Subject,
        *,
        reason: str = "",
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        batch: UUID | None = None,
    ) -> None:
        """Add to the staff log; the entries of one action on several rows share `batch`."""

    @abstractmethod
    def entries_of(self, batch: UUID) -> Sequence[Any]:
        """The entries of an action on several rows, in their order."""

    @abstractmethod
    def add_note(self, request: StaffRequest, row: Model, text: str) -> int:
        """Add a note by the user to a row; return its key."""

    @abstractmethod
    def staff_panels(self, request: StaffRequest, row: Model) -> Sequence[Any]:
        """The panels with what staff did to a row, and their notes."""

    @abstractmethod
    def action_events(
        self, request: StaffRequest, row: Model, before: Any, limit: int
    ) -> Sequence[Any]:
        """What staff did to a row, the latest first, as events of its timeline.

        `before` is a cursor of the timeline, or None.
        """

    @abstractmethod
    def last_action(self, request: StaffRequest, row: Model, actions: Sequence[str]) -> Any:
        """The latest entry of one of these actions on a row, masked for the user; or None."""

    @abstractmethod
    def is_open(self, request: StaffRequest) -> bool:
        """Whether nobody has ended the session since the request began."""

    @abstractmethod
    def needs_code(self, request: StaffRequest) -> bool:
        """Whether a drastic action must ask for the second factor again."""

    @abstractmethod
    def check_code(self, request: StaffRequest, code: str) -> str:
        """Check a code of the second factor; return the error, or ''."""
