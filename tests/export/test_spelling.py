"""SQL is written as people write it, with the same meaning."""

import psycopg
import pytest

from veza_core.schema.quoting import ident, literal
from veza_core.schema.spelling import column_type, default, expression, type_name


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("character varying(255)", "varchar(255)"),
        ("character varying", "varchar"),
        ("character varying(20)[]", "varchar(20)[]"),
        ("character(2)", "char(2)"),
        ("timestamp with time zone", "timestamptz"),
        ("timestamp(3) with time zone", "timestamptz(3)"),
        ("timestamp without time zone", "timestamp"),
        ("time with time zone", "timetz"),
        ("numeric(5,2)", "numeric(5, 2)"),
        ("bit varying(3)", "varbit(3)"),
        ("double precision", "double precision"),
        ('"char"', '"char"'),
        ("public.user_role", "public.user_role"),
        ("text[]", "text[]"),
    ],
)
def test_a_type_has_its_short_name(migrated_url, type_, name):
    assert type_name(type_) == name
    with psycopg.connect(migrated_url) as connection:
        same = "SELECT format_type(to_regtype(%s), NULL) = format_type(to_regtype(%s), NULL)"
        assert connection.execute(same, [type_, column_type(type_)]).fetchone() == (True,)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('CHECK ("position" >= 0)', "CHECK (position >= 0)"),
        ('CHECK ("user" > 0)', 'CHECK ("user" > 0)'),
        ("length(name::text) >= 1", "length(name) >= 1"),
        ("rate >= 0::numeric AND rate <= 100::numeric", "rate >= 0 AND rate <= 100"),
        (
            "permission::text = ANY (ARRAY['stream'::character varying, "
            "'download'::character varying]::text[])",
            "permission IN ('stream', 'download')",
        ),
        ("kind = ANY (ARRAY['a'::text, 'b''c'::text])", "kind IN ('a', 'b''c')"),
        ("kind::text = ANY (ARRAY['a'::text, 'b'::text])", "kind::text IN ('a', 'b')"),
        (
            "status = ANY (ARRAY['a'::public.track_status, 'b'::public.track_status])",
            "status IN ('a', 'b')",
        ),
        ("status = 'pending'::public.transcode_status AND b", "status = 'pending' AND b"),
        (
            "ends >= '0001-01-01'::timestamp with time zone AND ends < '9999-01-01'::date",
            "ends >= '0001-01-01' AND ends < '9999-01-01'",
        ),
        ("value -> 'a'::text = '1'::jsonb", "value -> 'a'::text = '1'"),
        # Text that does not match stays unchanged, and so do strings.
        ("now() - '1 day'::interval", "now() - '1 day'::interval"),
        ("name ~ '\"position\" >= 0::numeric'::text", "name ~ '\"position\" >= 0::numeric'::text"),
    ],
)
def test_an_expression_is_shown_without_redundant_parts(text, plain):
    assert expression(text) == plain


@pytest.mark.parametrize(
    ("text", "type_", "plain"),
    [
        ("'en'::character varying", "character varying(10)", "'en'"),
        ("'user'::public.user_role", "public.user_role", "'user'"),
        ("'{}'::text[]", "text[]", "'{}'"),
        ("'1'::text", "character varying(10)", "'1'::text"),
        ("'a'::text || 'b'::text", "text", "'a'::text || 'b'::text"),
        ("CURRENT_TIMESTAMP", "timestamp with time zone", "CURRENT_TIMESTAMP"),
    ],
)
def test_a_default_needs_no_cast_to_the_column_s_type(text, type_, plain):
    assert default(text, type_) == plain


def test_only_words_that_need_it_are_quoted(migrated_url):
    """By the server's own list of keywords: a column with any of these names can be created."""
    with psycopg.connect(migrated_url) as connection:
        words = connection.execute("SELECT word, catcode IN ('R', 'T') FROM pg_get_keywords()")
        for word, reserved in words.fetchall():
            # Newer servers reserve more.
            if reserved:
                assert ident(word) == f'"{word}"'
            connection.execute(f"CREATE TEMPORARY TABLE t ({ident(word)} INTEGER)")
            connection.execute("DROP TABLE t")
        connection.rollback()
    assert ident("email") == "email"
    assert ident("uuid-ossp") == '"uuid-ossp"'
    assert ident('a"B') == '"a""B"'


def test_a_literal_is_what_it_was(migrated_url):
    text = "it's a \\ back\nslash…"
    with psycopg.connect(migrated_url) as connection:
        assert connection.execute(f"SELECT {literal(text)}").fetchone() == (text,)
