"""Exports all data about a user, for a request under data-protection law."""

from collections.abc import Iterator
from typing import Any

from django.db import connections
from django.http import StreamingHttpResponse
from django.utils import timezone

from veza_core.models import User
from veza_core.operations.personal_data import find
from veza_core.screens.actions.action import Change, ChangeContext, RowAction

from .bundle import Bundle
from .standing import account_refusals


class ExportData(RowAction):
    """The staff log gets an entry before the first row is sent, and another one at the end."""

    name = "export_data"
    label = "Export all data"
    done = "Exported all data of"
    explanation = (
        "You get one archive with all data of the database about this user, for a request under "
        "data-protection law: JSON and CSV, without passwords and tokens. Make sure that it is "
        "the user who asks. Send it in a secure way, and delete your copy."
    )
    permissions = ("personal_data.access",)
    typed = "username"
    rule = staticmethod(account_refusals)

    def change(self, row: User, work: ChangeContext) -> Change:
        return Change()

    def answer(self, row: User, change: Change, work: ChangeContext) -> StreamingHttpResponse:
        alias = work.site.read_alias
        acted_on = [each.opts.db_table for each in work.site.screens() if each.row_actions]
        bundle = Bundle(row, find(connections[alias], row.pk, acted_on), alias)
        name = f"user-{row.pk}-{timezone.now():%Y-%m-%d-%H%M%S}.zip"
        return StreamingHttpResponse(
            _recorded(bundle, work),
            content_type="application/zip",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _recorded(bundle: Bundle, work: ChangeContext) -> Iterator[bytes]:
    """The archive. At its end, or if the client disconnects, logs how much was sent."""
    try:
        yield from bundle.stream()
    finally:
        entry: dict[str, Any] = {"rows": bundle.rows, "ending": bundle.ending}
        work.site.record(work.request, "users.data_exported", bundle.user, after=entry)


DATA_ACTIONS = (ExportData(),)
