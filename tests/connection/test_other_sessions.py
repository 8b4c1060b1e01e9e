"""How a message names a blocking session."""

import pytest
from django.db import connection

from veza_core.db.other_sessions import SESSION_COLUMNS, OtherSession

pytestmark = pytest.mark.django_db


def called(condition: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {SESSION_COLUMNS} FROM pg_stat_activity WHERE {condition}")
        return str(OtherSession(*cursor.fetchone()))


def test_a_background_worker_is_called_by_its_type():
    assert "(checkpointer, " in called("backend_type = 'checkpointer'")


@pytest.mark.parametrize(("name", "shown"), [("psql of Ann", "psql of Ann"), ("", "unnamed")])
def test_a_client_is_called_by_its_name(name, shown):
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('application_name', %s, true)", [name])
    assert f"({shown}, " in called("pid = pg_backend_pid()")
