"""Reads pages of the admin from a replica, or from the primary if that fails."""

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

#: The endings of the names of pages on which a change begins. These pages must show the current
#: rows.
CHANGING = ("_action", "_selected")


class ReplicaMiddleware:
    """The last middleware: it calls the view.

    A page that only reads, for a signed-in user, is read from a replica. `request.behind` is the
    number of seconds that the replica is behind, if it is worth a message. All other requests use
    the primary.
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
        """The view's response from a replica. None: Django calls the view, and the primary is
        read.
        """
        if not _may_read_replica(request):
            return None
        chosen = choose(request.session)
        if chosen is None:
            return None
        replica, behind = chosen
        connection = connections[replica.alias]
        current.set(replica.alias)
        staff_request(request).behind = behind if behind > TOLERATED else None
        errors, session = _Errors(), connection.connection
        try:
            with connection.execute_wrapper(errors):
                response: HttpResponseBase = view(request, *args, **kwargs)
        except (DatabaseError, InterfaceError) as error:
            # A commit is not a statement. If it failed, Django has connected again.
            if error is not errors.latest and connection.connection is session:
                raise
            _leave(replica, error)
            current.set(None)
            staff_request(request).behind = None
            return None
        return response


class _Errors:
    """Remembers the latest error of a connection's statements, to know whether the replica
    failed.
    """

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
    """Leave the replica after an error on its connection.

    An error about a missing table is not a reason to leave it: the next page may not need the
    table.
    """
    connection = connections[replica.alias]
    if isinstance(error, (OperationalError, InterfaceError)):
        replica.leave(error, connection)
    else:
        abandon(connection)
