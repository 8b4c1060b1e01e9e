"""`/healthz`, for readiness probes: is the database reachable and fully migrated?"""

from collections.abc import Callable
from functools import cache
from threading import Lock
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from psycopg.errors import LockNotAvailable

from veza_core.counted import counted
from veza_core.db.schema_version import read_version
from veza_site.replicas.lag import read_primary
from veza_site.replicas.replica import standing

PATH = "/healthz"

#: Seconds for which a response is reused, because anybody may send requests at any rate.
FRESH = 1.0
#: Seconds to wait for a lock.
LOCK_TIMEOUT = "1s"

HISTORY = "django_migrations"


class HealthMiddleware:
    """Responds before all other middleware, because a probe uses an IP address, plain HTTP and no
    session.

    The status is 200 if the database is reachable, every migration of this release is applied, and
    every table of its models exists. Otherwise it is 503, with the reason. A process queries the
    database at most once in `FRESH` seconds; concurrent requests wait for that answer. The answer
    has the state of the admin's replicas, which does not change the status. Reasons are our own
    words, because an error's text may name hosts. The only version in it is the schema's, for which
    no list of known weaknesses exists.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.asking = Lock()
        self.answer: dict[str, Any] = {}
        self.fresh_until = 0.0

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info != PATH:
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        with self.asking:
            if monotonic() >= self.fresh_until:
                self.answer = state()
                self.fresh_until = monotonic() + FRESH
            answer = self.answer
        status = 200 if answer["status"] == "ok" else 503
        return JsonResponse(answer, status=status, headers={"Cache-Control": "no-store"})


def state() -> dict[str, Any]:
    """The response, for the current state of the database."""
    reason, version = look()
    answer: dict[str, Any] = (
        {"status": "unavailable", "reason": reason} if reason else {"status": "ok"}
    )
    if version:
        answer["schema"] = version
    if settings.REPLICAS and not reason:
        # As this process knows them. A probe never waits for a replica, because the site works
        # without.
        answer["replicas"] = standing(read_primary(connection))
    return answer


def look() -> tuple[str, str | None]:
    """Why this release cannot serve yet (empty if it can), and the version of the schema."""
    try:
        # The settings apply only to this transaction, also behind a pooler.
        with transaction.atomic():
            existing, applied, version = _read()
    except (DatabaseError, InterfaceError) as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return "history of migrations locked", None
        # A broken connection would stay broken.
        connection.close()
        return "database unreachable", None
    if pending := len(_on_disk() - applied):
        return f"{counted(pending, 'migration')} not applied", version
    # Dropped, or in a schema that was renamed.
    missing = len(_tables() - existing)
    return (f"{counted(missing, 'table')} missing" if missing else ""), version


def _read() -> tuple[set[str], set[tuple[str, str]], str | None]:
    """The existing tables, the applied migrations, the version of the schema."""
    with connection.cursor() as cursor:
        # A lock on the history must not block this probe, or those after it.
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
    # Those that a statement can find.
    existing, applied = set(connection.introspection.table_names()), set()
    if HISTORY in existing:
        applied = set(MigrationRecorder(connection).migration_qs.values_list("app", "name"))
    return existing, applied, read_version(connection)


@cache
def _tables() -> frozenset[str]:
    names = connection.introspection.django_table_names(include_views=False)
    return frozenset({HISTORY, *names})


@cache
def _on_disk() -> frozenset[tuple[str, str]]:
    """The migrations of this release. They do not change while a process runs."""
    return frozenset(MigrationLoader(None).disk_migrations)
