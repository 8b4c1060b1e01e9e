"""Error pages that say what is wrong with a request and what to do, in the site's design."""

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse

from .site import StaffSite


class HelpfulError(Exception):
    """A request that cannot be answered; the message says why."""

    status = 400
    title = "This address is not valid"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotThereError(HelpfulError):
    """A row that does not exist."""

    status = 404
    title = "Not found"


class TooSlowError(HelpfulError):
    """A query that the statement timeout stopped."""

    status = 503
    title = "This took too long"


class NodeLostError(HelpfulError):
    """Rows are on a node of Citus that does not answer."""

    status = 503
    title = "Some of the data is not available"

    def __init__(self) -> None:
        super().__init__(
            "A database server with some of these rows does not answer. Nothing was changed. Try "
            "again later, or tell the people who run the site."
        )


def error_page(
    site: StaffSite, request: HttpRequest, error: HelpfulError, **context: Any
) -> TemplateResponse:
    """The page for an error, with its status."""
    shown = {"title": error.title, "message": error.message, **context}
    return site.page(request, "veza/error.html", shown, error.status)
