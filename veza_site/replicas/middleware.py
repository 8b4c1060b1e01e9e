"""Pages of the admin are read from a replica, and from the primary where that does not work."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from veza_core.access import staff_request
from veza_core.screens.guard import READING

from .lag import TOLERATED
from .replica import Replica, abandon
from .source import choose, current, note_write

#: How the names of pages end on which a change begins: they show rows as the change will find them.
CHANGING = ("_action", "_selected")


class ReplicaMiddleware:
    """The last of all: it calls the view.

    A page that only reads, of somebody signed in, is read from a replica; `request.behind` has the
    seconds by which that is behind, where it is worth a word. All else is read from the primary.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.REPLICAS:
            return self.get_response(request)
        before = current.set(None)
        try:
            response = self.get_response(request)
        finally:
            if alias := current.get():
                connections[alias].close()
            current.reset(before)
        if request.method not in READING and SESSION_KEY in request.session:
            note_write(request.session)
        return response

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """The view's response from a replica; None: Django calls it, and the primary is read."""
        if not _may_read_replica(request):
            return None
        chosen = choose(request.session)
        if chosen is None:
            return None
        replica, behind = chosen
        connection = connections[replica.alias]
        current.set(replica.alias)
        request.behind = behind if behind > TOLERATED else None  # type: ignore[attr-defined]
        errors, session = _Errors(), connection.connection
        try:
            with connection.execute_wrapper(errors):
                response: HttpResponseBase = view(request, *args, **kwargs)
        except (DatabaseError, InterfaceError) as error:
            # A commit is no statement; where it failed, Django has connected again.
            if error is not errors.latest and connection.connection is session:
                raise
            _leave(replica, error)
            current.set(None)
            request.behind = None  # type: ignore[attr-defined]
            return None
        return response


class _Errors:
    """Remembers the latest error of a connection's statements: was it the replica that failed?"""

    latest: Exception | None = None

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        try:
            return execute(sql, params, many, context)
        except Exception as error:
            self.latest = error
            raise


def _may_read_replica(request: HttpRequest) -> bool:
    if not settings.REPLICAS or request.method not in READING:
        return False
    name = request.resolver_match.url_name or "" if request.resolver_match else ""
    return staff_request(request).access.may_enter and not name.endswith(CHANGING)


def _leave(replica: Replica, error: Exception) -> None:
    """After an error on a replica's connection. A table that is not there yet is no reason to read
    from it no more: the next page may be another one.
    """
    connection = connections[replica.alias]
    if isinstance(error, (OperationalError, InterfaceError)):
        replica.leave(error, connection)
    else:
        abandon(connection)
