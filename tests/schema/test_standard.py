"""The Standard, rules 1 to 7, on every table. Rule 8 is tests/schema/test_rows.py,
rule 9 tests/schema/test_public.py.
"""

import re

import pytest

from tests.schema.notation import DELETED_AT, KEY, TIME

proves = pytest.mark.proves


@proves(
    "1. **Identity.** Every table has `id UUID PRIMARY KEY DEFAULT gen_random_uuid()`, junction "
    "tables too."
)
def test_key(live, subtests):
    for name, table in live.tables.items():
        with subtests.test(name):
            assert table.columns["id"] == KEY
            assert "PRIMARY KEY (id)" in table.constraints.values()


@proves("No serial, no identity, no bigint key anywhere in `public`.")
def test_no_numbered_keys(live, cursor, subtests):
    cursor.execute("""
        SELECT relname FROM pg_class
        WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
    """)
    assert cursor.fetchall() == []
    for name, table in live.tables.items():
        with subtests.test(name):
            keys = {"id"} | {key.column for key in live.foreign_keys if key.table == name}
            assert {table.columns[key].type for key in keys} == {"uuid"}
            for column in table.columns.values():
                assert not re.search("nextval|GENERATED AS IDENTITY", column.default or "")


@proves(
    "2. **Time.** Every table has `created_at` and `updated_at`, both "
    "`TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP` (never `now()`, never a timestamp without "
    "time zone). Tables marked *soft* also have `deleted_at TIMESTAMPTZ NULL`."
)
def test_times(live, subtests):
    for name, table in live.tables.items():
        with subtests.test(name):
            assert table.columns["created_at"] == table.columns["updated_at"] == TIME
            assert table.columns.get("deleted_at", DELETED_AT) == DELETED_AT
            for column in table.columns.values():
                assert not re.match("timestamp without|time ", column.type)
                assert "now()" not in (column.default or "")


@proves(
    "- Rule 2: a *soft* table has `idx(deleted_at) WHERE deleted_at IS NOT NULL`, which is "
    "not repeated below. The purge finds due rows with it. It contains no live rows."
)
def test_purge_finds_deleted_rows_by_an_index(live):
    found = {
        index.table
        for index in live.indexes
        if (index.columns, index.where) == (["deleted_at"], "deleted_at IS NOT NULL")
    }
    assert found == {name for name, table in live.tables.items() if "deleted_at" in table.columns}


@proves(
    "`updated_at` is kept by trigger `update_<table>_updated_at`, `BEFORE UPDATE … FOR EACH ROW "
    "EXECUTE FUNCTION update_updated_at_column()`, on every table."
)
def test_trigger(live, subtests):
    for name, table in live.tables.items():
        with subtests.test(name):
            trigger = f"update_{name}_updated_at"
            assert table.triggers[trigger] == (
                f"CREATE TRIGGER {trigger} BEFORE UPDATE ON {name} "
                "FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()"
            )


@proves(
    "3. **Integrity.** Every foreign key is `UUID`, has an explicit `ON DELETE`, is checked at "
    "once (NOT DEFERRABLE), is named `<table>_<column>_fkey`, and its column leads a valid, "
    "non-partial index.",
    "(The unique index begins with the first key and is not partial, so it is also the index "
    "of that key.)",
    "(A partial index is never the index of a foreign key, because the foreign key's check "
    "reads deleted rows too.)",
)
def test_foreign_keys(live, subtests):
    for key in live.foreign_keys:
        with subtests.test(key.name):
            assert key.name == f"{key.table}_{key.column}_fkey"
            assert key.type == "uuid"
            # CASCADE for owned rows; SET NULL, which needs a nullable column, for references.
            assert key.on_delete == "c" or (key.on_delete == "n" and key.nullable)
            assert key.valid
            assert not key.deferrable
            serving = [
                index.name
                for index in live.indexes
                if (index.table, index.columns[0]) == (key.table, key.column)
                and index.method == "btree"
                and index.valid
                and index.where is None
            ]
            assert serving


@proves(
    "A composite index that begins with the column counts, and then no second single-column "
    "index exists."
)
def test_no_index_is_the_beginning_of_another(live, subtests):
    for index in live.indexes:
        with subtests.test(index.name):
            if not index.unique:
                longer = [
                    other.name
                    for other in live.indexes
                    if other.name != index.name
                    and (other.table, other.method) == (index.table, index.method)
                    and other.where in (None, index.where)
                    and other.keys[: len(index.keys)] == index.keys
                ]
                assert longer == []


@proves(
    "4. **Names.** Every index is `idx_<table>_<column>[_<column>…]`, unique ones too; one over an "
    "expression or with an operator class ends in what it adds (`idx_users_username_upper`, "
    "`idx_tracks_title_trgm`).",
    "A primary key and its index are named `<table>_pkey`.",
)
def test_names_of_indexes(live, subtests):
    for index in live.indexes:
        if index.name in WORDS_OF_TITLE or index.name in BY_EMAIL:
            continue
        with subtests.test(index.name):
            parts = []
            for key in index.columns:
                expression = re.fullmatch(r"(\w+)\((\w+)(::\w+)?\)", key)
                function, column = expression.groups()[:2] if expression else ("", key)
                parts += [column, "trgm" if index.method == "gin" else function]
            name = "_".join(["idx", index.table, *filter(None, parts)])
            assert index.name == (f"{index.table}_pkey" if index.primary else name)


#: By the words that they begin with.
WORDS_OF_TITLE = {f"idx_tracks_title_word{number}": number for number in (1, 2, 3, 4)}


#: The indexes by which support finds an e-mail's beginning and its domain.
BY_EMAIL = {
    "idx_users_email_prefix": "upper(email) LIKE 'ANN%'",
    "idx_users_email_domain_created_at": "split_part(email, '@', 2) = 'x.example'",
}


@proves(
    "- Rule 4: the *prefix of* a column is the index `idx_<table>_<column>_prefix`, on the "
    "column in upper case, with `text_pattern_ops`. The *domain of* an address is the index "
    "`idx_<table>_<column>_domain_created_at`, on the text after its `@`, and `created_at "
    "DESC`.",
)
def test_beginnings_and_domains_of_addresses(cursor, subtests):
    # With this many rows, every other index costs more.
    cursor.execute(
        "INSERT INTO users (username, email) "
        "SELECT 'user' || n, 'u' || n || '@d' || n || '.example' "
        "FROM generate_series(1, 2000) AS n; ANALYZE users"
    )
    cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
    for name, condition in BY_EMAIL.items():
        with subtests.test(name):
            cursor.execute(
                f"EXPLAIN SELECT id FROM users WHERE {condition} ORDER BY "
                + ("created_at DESC" if "domain" in name else "upper(email) USING ~<~")
            )
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert f"using {name} on users" in plan
            assert "Index Cond" in plan
            assert "Sort" not in plan


@proves(
    "- Rule 4: the *words of* a column are four indexes, `idx_<table>_<column>_word1` to "
    "`_word4`, with `text_pattern_ops`. They contain the text in upper case, from its first, "
    "second, third and fourth word to its end. Spaces separate words. If there is no such "
    "word, the index has NULL.",
)
def test_indexed_words_of_a_title(live, rows, cursor):
    keys = {index.name: index.keys for index in live.indexes if index.name in WORDS_OF_TITLE}
    assert keys.keys() == WORDS_OF_TITLE.keys()
    titles = {
        "One  two\tthree (four) five": [
            "ONE  TWO\tTHREE (FOUR) FIVE",
            "TWO\tTHREE (FOUR) FIVE",
            "THREE (FOUR) FIVE",
            "(FOUR) FIVE",
        ],
        "Été, solo": ["ÉTÉ, SOLO", "SOLO", None, None],
        "Solo ": ["SOLO ", None, None, None],
    }
    for title, expected in titles.items():
        id_ = rows.insert("tracks", title=title)
        for name, number in WORDS_OF_TITLE.items():
            cursor.execute(f"SELECT {keys[name][0]} FROM tracks WHERE id = %s", [id_])
            assert cursor.fetchone()[0] == expected[number - 1], (title, name)


@proves(
    "Checks are `chk_<table>_<what>`.",
    "- Rule 4: a check on one column is named `chk_<table>_<column>`. A check on its number "
    "of characters is named `chk_<table>_<column>_length`.",
)
def test_names_of_checks(live, subtests):
    for name, table in live.tables.items():
        for constraint, definition in table.constraints.items():
            if not definition.startswith("CHECK"):
                continue
            with subtests.test(constraint):
                column = re.search(
                    r"\(+(?:(?:length|cardinality|jsonb_typeof)\()?(\w+)", definition
                )[1]
                suffix = "_length" if " (length(" in definition else ""
                assert column in table.columns
                assert constraint == f"chk_{name}_{column}{suffix}"


#: These e-mail addresses do not identify the row.
NO_IDENTITY = {("federated_identities", "email"), ("email_verification_tokens", "email")}


@proves(
    "5. **Search.** `email`, `username` and `slug` are unique;",
    "(The provider reports `email`, so it is not an identity;",
    "(Here, `email` is not an identity, so rule 5 does not require a unique index. The audit "
    "must know the difference.)",
)
def test_identities_are_unique(live, subtests):
    unique = {(index.table, *index.keys) for index in live.indexes if index.unique}
    for name, table in live.tables.items():
        for column in table.columns.keys() & {"email", "username", "slug"}:
            with subtests.test(f"{name}.{column}"):
                assert ((name, column) in unique) != ((name, column) in NO_IDENTITY)


@proves(
    "on soft tables every unique index is partial, `WHERE deleted_at IS NULL`,",
    "- Rule 5: a unique index that is not partial is a table constraint of the same name.",
)
def test_unique_indexes(live, subtests):
    for index in live.indexes:
        if not index.unique or index.primary:
            continue
        with subtests.test(index.name):
            table = live.tables[index.table]
            if "deleted_at" in table.columns:
                assert index.where == "deleted_at IS NULL"
                assert index.name not in table.constraints
            elif index.where is not None:
                assert index.name not in table.constraints
            else:
                assert table.constraints[index.name] == f"UNIQUE ({', '.join(index.columns)})"


@proves(
    "6. **Sorting.** Feeds have an index ending in `created_at DESC`.",
    "- Rule 6: every table is a feed, except `password_reset_tokens`, "
    "`email_verification_tokens`, `user_profiles`, `user_settings`, `roles`, `permissions` "
    "and `role_permissions`. Clients find their rows by name, token or user, or the "
    "migrations insert them.",
)
def test_feeds(live, document, subtests):
    sorted_by_time = {
        index.table for index in live.indexes if index.keys[-1] == "created_at DESC" and index.valid
    }
    for name in live.tables:
        with subtests.test(name):
            assert (name in sorted_by_time) != (name in document.not_feeds)


@proves(
    "7. **Text.** `VARCHAR(N)` where a bound means something, `TEXT` otherwise. Tokens are stored "
    "as hashes, `VARCHAR(255)`.",
    "`access_token` and `refresh_token` are sent back to the provider, so they cannot be "
    "stored as hashes.)",
)
def test_text(live, subtests):
    hashed = ("token_hash", "character varying(255)")
    sent_back = {
        ("federated_identities", "access_token"),
        ("federated_identities", "refresh_token"),
    }
    for name, table in live.tables.items():
        with subtests.test(name):
            for column, definition in table.columns.items():
                type_ = definition.type
                assert not re.match(r"character varying($|\[)|character($|\()|name$", type_)
                if "token" in column and type_.startswith(("text", "character")):
                    assert (column, type_) == hashed or (name, column) in sent_back
