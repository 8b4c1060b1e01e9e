"""DATABASE_REPLICA_URL: valid and invalid values, and the entries of DATABASES."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from veza_core.db.url import database_settings, replica_settings

SUPPORT = database_settings("postgresql://veza_support:x@primary/veza", "DATABASE_SUPPORT_URL")


def test_several() -> None:
    urls = "postgresql://veza_support@one/veza\n  postgres://veza_support@two,three:5433/veza"
    entries = replica_settings(urls, SUPPORT)
    assert {alias: entry["HOST"] for alias, entry in entries.items()} == {
        "replica_1": "one",
        "replica_2": "two,three",
    }
    for entry in entries.values():
        assert entry["CONNECT_WITHIN"] == 1.0
        assert entry["OPTIONS"]["tcp_user_timeout"] == "1000"


def test_none() -> None:
    assert replica_settings("", None) == {}


def test_the_settings_of_the_url_are_used() -> None:
    url = "postgresql://veza_support@one/veza?tcp_user_timeout=300&connect_timeout=5"
    options = replica_settings(url, SUPPORT)["replica_1"]["OPTIONS"]
    assert (options["tcp_user_timeout"], options["connect_timeout"]) == ("300", "5")


@pytest.mark.parametrize(
    ("urls", "told"),
    [
        ("postgresql://veza@one/veza", "must name the same role as DATABASE_SUPPORT_URL"),
        ("postgresql://veza_support@one/other", "the same database as DATABASE_SUPPORT_URL"),
        (
            "postgresql://veza_support@one/veza mysql://two/veza",
            "DATABASE_REPLICA_URL, number 2, has the scheme mysql",
        ),
        ("postgresql://veza_support:geheim@one:x/veza", "DATABASE_REPLICA_URL is malformed"),
        ("one", "DATABASE_REPLICA_URL is not a URL"),
    ],
)
def test_refused(urls: str, told: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=told) as raised:
        replica_settings(urls, SUPPORT)
    assert "geheim" not in str(raised.value)


def test_it_needs_the_role_that_reads() -> None:
    with pytest.raises(ImproperlyConfigured, match="needs DATABASE_SUPPORT_URL"):
        replica_settings("postgresql://veza_support@one/veza", None)
