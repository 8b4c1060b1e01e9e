"""Runs each request with the role of the site's process, within the test's own transaction."""

from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from psycopg import sql


class AsWebRole:
    """The first middleware. The test itself runs as the owner."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        connection.ensure_connection()
        # Not with Django's cursor, because tests count its queries.
        session = connection.connection
        role = sql.Identifier(settings.ATTACKED_ROLE)
        session.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(role))
        try:
            return self.get_response(request)
        finally:
            session.execute("RESET SESSION AUTHORIZATION")
