"""The columns of lists and the lines of pages, from a model's fields by their types."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast
from urllib.parse import quote

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import FieldDoesNotExist
from django.db.models import EmailField, Field, ForeignKey, GenericIPAddressField, Model
from django.utils.html import format_html
from django.utils.safestring import SafeString

from veza_core.secret_columns import SECRET_COLUMNS

from .bounded import Excerpt
from .display import AnyField, badge, cell, copy_button, short_id, shortened, words
from .labels import address_html, link_html, url_of, view_url
from .legible import escape, name_text, safe

#: What a heading does not repeat, because each value shows it: its unit, and that it is a time.
SUFFIXES = ("_ms", "_at")


def secret_fields(model: type[Model]) -> frozenset[str]:
    """The names of secret fields, which are never selected."""
    columns = SECRET_COLUMNS.get(model._meta.db_table, frozenset())
    return frozenset(field.name for field in model._meta.concrete_fields if field.column in columns)


def shown_fields(model: type[Model]) -> list[str]:
    """The names of all fields except the secret ones."""
    secret = secret_fields(model)
    return [field.name for field in model._meta.concrete_fields if field.name not in secret]


def heading(field: AnyField) -> str:
    """The heading of a column."""
    name = field.name
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return HEADINGS.get(field.name) or words(name.removeprefix("is_")).replace(" url", " URL")


HEADINGS = {
    "id": "ID",
    "email": "E-mail",
    "email_notifications": "E-mail notifications",
    "country_code": "Country",
    "last_login": "Last sign-in",
    "failed_login_count": "Failed sign-ins",
    "ip_address": "IP address",
    "created_at": "Created",
    "updated_at": "Last changed",
    "deleted_at": "Deleted",
    "completed_at": "Ended",
    "avatar_url": "Avatar",
    "provider_user_id": "ID at the provider",
    "token_hash": "Hash of the token",
}


class HtmlColumn(Protocol):
    """A column of a list or a panel: a field, or a method of a screen (see `computed`)."""

    __name__: str
    short_description: str
    #: The fields that it reads.
    needs: tuple[str, ...]

    def __call__(self, row: Any, /) -> Any:
        """The row's value, as it is shown."""


class FieldColumn:
    """A field, shown by its type."""

    def __init__(self, field: AnyField) -> None:
        self.field = field
        self.needs: tuple[str, ...] = (field.name,)
        self.__name__ = field.name
        self.short_description = heading(field)

    def __call__(self, row: Model) -> SafeString:
        return show(self.field, row)


class Opening:
    """A list's first column, which links to the row's own page and marks deleted rows."""

    def __init__(self, column: HtmlColumn) -> None:
        self.column = column
        self.needs = (*column.needs, "id")
        self.__name__ = column.__name__
        self.short_description = column.short_description

    def __call__(self, row: Model) -> SafeString:
        pk, is_id = str(row.pk), self.__name__ == "id"
        content = short_id(pk) if is_id else safe(self.column(row))
        # A URL needs no escaping: `reverse` has quoted it.
        html = f'<a class="open" href="{url_of(type(row), pk)}">{content}</a>'
        if is_id:
            html += f" {copy_button(pk)}"
        if row.__dict__.get("deleted_at") is not None:
            html += f" {badge('deleted')}"
        return SafeString(html)


@dataclass(frozen=True, slots=True)
class HtmlTable:
    """A table as HTML. Not by a template, which is slow for thousands of cells."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]

    @classmethod
    def of(cls, columns: Sequence[HtmlColumn], rows: Sequence[Model]) -> "HtmlTable":
        headings = [column.short_description for column in columns]
        return cls(headings, [[column(row) for column in columns] for row in rows])

    def head(self) -> SafeString:
        cells = (
            f'<th scope="col">{safe(heading)}</th>' if heading else "<td></td>"
            for heading in self.headings
        )
        return SafeString("".join(cells))

    def body(self) -> SafeString:
        cells = ("</td><td>".join(map(safe, row)) for row in self.rows)
        return SafeString("\n".join(f"<tr><td>{row}</td></tr>" for row in cells))

    def html(self, labelled_by: str) -> SafeString:
        """The whole table, empty without rows; `labelled_by` is the ID of its heading."""
        if not self.rows:
            return SafeString()
        return SafeString(
            f'<div class="results" tabindex="0" role="group" aria-labelledby="{labelled_by}">\n'
            f"<table>\n<thead><tr>{self.head()}</tr></thead>\n"
            f"<tbody>\n{self.body()}\n</tbody>\n</table>\n</div>"
        )


class Box:
    """The checkbox that selects a row: Django's, without the form that makes it."""

    def __init__(self, label: str, ticked: Collection[str]) -> None:
        self.label, self.ticked = label, ticked

    def __call__(self, row: Model) -> SafeString:
        pk = str(row.pk)
        name = escape(name_text(shortened(str(row.__dict__.get(self.label) or pk[:8]))))
        checked = " checked" if pk in self.ticked else ""
        return SafeString(
            f'<input type="checkbox" name="{ACTION_CHECKBOX_NAME}" value="{pk}"'
            f' class="action-select" aria-label="Select {name}"{checked}>'
        )


def computed(heading: str, *needs: str) -> Callable[[Callable[..., Any]], HtmlColumn]:
    """Make a method of a screen a column, with its heading and the fields that it reads."""

    def mark(method: Callable[..., Any]) -> HtmlColumn:
        column = cast("HtmlColumn", method)
        column.short_description = heading
        column.needs = needs
        return column

    return mark


def show(field: AnyField, row: Model, *, whole: bool = False) -> SafeString:
    """A field of a row: a foreign key as a link, others by their type."""
    if isinstance(field, ForeignKey):
        return link_html(row, field)
    if isinstance(field, GenericIPAddressField) and (address := getattr(row, field.attname)):
        return address_html(row, address)
    shown = cell(field, row, whole=whole)
    if whole and isinstance(field, EmailField) and (mail := getattr(row, field.attname)):
        return format_html('<a href="mailto:{}">{}</a>', quote(mail, safe="@"), shown)
    if whole and isinstance(row.__dict__.get(field.attname), Excerpt):
        return _with_download(shown, field, row)
    return shown


def _with_download(shown: SafeString, field: AnyField, row: Model) -> SafeString:
    """The beginning of a value, with a link to the whole value."""
    return format_html(
        '{} <p class="quiet">This value is too long or too deeply nested to show in'
        ' full. <a href="{}" download>Download it</a>.</p>',
        shown,
        # See `whole`.
        view_url(type(row), "value", row.pk, field.name),
    )


def field_of(model: type[Model], name: str) -> AnyField | None:
    """The concrete field with this name; None if there is none (a method of the screen)."""
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, Field) else None
