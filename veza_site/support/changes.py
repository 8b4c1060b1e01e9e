"""What an action changed, column by column, with the values before and after."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import DateTimeField, ForeignKey, Model
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from veza_core.screens.columns import field_of, heading
from veza_core.screens.display import NOTHING, said, short_id, shortened, words
from veza_core.screens.labels import url_of
from veza_core.screens.legible import name_html
from veza_core.screens.units import exact

#: The most characters of a value.
LONGEST = 300


def changes_html(entry: Any) -> SafeString:
    """The columns with different values in an entry of the staff log, a line each."""
    before, after = entry.before or {}, entry.after or {}
    if not (isinstance(before, dict) and isinstance(after, dict)):
        # Too long for a page: both are shown as they were recorded.
        return NOTHING
    model = model_of(entry.subject_table)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if not names:
        return NOTHING
    return format_html(
        '<ul class="document">{}</ul>',
        format_html_join(
            "",
            "<li>{}: {} → {}</li>",
            (
                (_label(model, name), *(_value(model, name, one.get(name))
                                        for one in (before, after)))
                for name in sorted(names)
            ),
        ),
    )  # fmt: skip


def model_of(table: str) -> type[Model] | None:
    """The model of a table, or None."""
    return next((model for model in apps.get_models() if model._meta.db_table == table), None)


def _label(model: type[Model] | None, name: str) -> str:
    field = field_of(model, name.removesuffix("_id")) if model else None
    return heading(field) if field else words(name)


def _value(model: type[Model] | None, name: str, value: Any) -> SafeString:
    field: Any = model and (field_of(model, name) or field_of(model, name.removesuffix("_id")))
    if isinstance(value, str) and isinstance(field, (ForeignKey, DateTimeField)):
        try:
            known = field.to_python(value)
        except ValidationError:
            # As it was recorded, for example by an older release.
            known = value
        if isinstance(known, datetime):
            return format_html("{}", exact(known))
        target: Any = field.related_model
        if isinstance(known, UUID) and admin.site.is_registered(target):
            url = url_of(target, known)
            return format_html('<a href="{}">{}</a>', url, short_id(str(known)))
    return name_html(shortened(said(name, value), LONGEST))
