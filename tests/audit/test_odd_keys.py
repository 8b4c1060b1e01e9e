"""Foreign keys and indexes of every form: which indexes count, and which are redundant."""

import pytest

USERS = "CREATE TABLE users (id uuid PRIMARY KEY, tenant_key uuid, UNIQUE (tenant_key, id));"
PLAYS = "CREATE TABLE plays (a uuid, b uuid, c uuid, t text, d timestamptz);"
SINGLE = PLAYS + (
    "ALTER TABLE plays ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES users (id) ON DELETE CASCADE;"
)
COMPOSITE = PLAYS + (
    "ALTER TABLE plays ADD CONSTRAINT fk FOREIGN KEY (a, b) REFERENCES users (tenant_key, id)"
    " ON DELETE CASCADE;"
)


def objects(scratch, rule):
    return {where for found, where in scratch.seen() if found == rule}


@pytest.mark.parametrize(
    "index",
    [
        "CREATE INDEX ON plays (a)",
        "CREATE INDEX ON plays (a DESC NULLS LAST, b)",
        "CREATE INDEX ON plays USING hash (a)",
        "CREATE INDEX ON plays (a, lower(t))",
        "CREATE UNIQUE INDEX ON plays (a, b)",
        "ALTER TABLE plays ADD PRIMARY KEY (a, b)",
        "ALTER TABLE plays ADD UNIQUE (a) DEFERRABLE",
        "ALTER TABLE plays ADD EXCLUDE USING btree (a WITH =)",
        "CREATE INDEX ON plays (a) WHERE a IS NOT NULL",
        "CREATE INDEX ON plays (a) WHERE b IS NOT NULL OR a IS NOT NULL",
        "CREATE EXTENSION btree_gist;"
        " ALTER TABLE plays ADD EXCLUDE USING gist (a WITH =, b WITH <>)",
        "CREATE EXTENSION btree_gin; CREATE INDEX ON plays USING gin (b, a)",
    ],
)
def test_index_serves_a_foreign_key(scratch, index):
    scratch.run(f"{USERS}{SINGLE}{index};")
    assert objects(scratch, "fk-not-indexed") == set()


@pytest.mark.parametrize(
    "index",
    [
        "CREATE INDEX ON plays (b, a)",
        "CREATE INDEX ON plays (a) WHERE b IS NOT NULL",
        "CREATE INDEX ON plays (a) WHERE a IS NOT NULL AND t <> ''",
        "CREATE EXTENSION btree_gist;"
        " ALTER TABLE plays ADD EXCLUDE USING gist (b WITH =, a WITH <>)",
        "CREATE INDEX ON plays (b) INCLUDE (a)",
        "CREATE INDEX ON plays ((a::text))",
        "CREATE INDEX ON plays ((a::text), a)",
        "CREATE INDEX ON plays USING brin (a)",
        "CREATE INDEX i ON plays (a); UPDATE pg_index SET indisvalid = false"
        " WHERE indexrelid = 'i'::regclass",
    ],
)
def test_index_does_not_serve_a_foreign_key(scratch, index):
    scratch.run(f"{USERS}{SINGLE}{index};")
    assert objects(scratch, "fk-not-indexed") == {"public.plays.fk"}


@pytest.mark.parametrize(
    ("index", "serves"),
    [
        ("CREATE INDEX ON plays (b, a, c)", True),
        ("CREATE INDEX ON plays (a, b)", True),
        ("CREATE INDEX ON plays (a, c, b)", False),
        ("CREATE INDEX ON plays (a)", False),
        ("CREATE INDEX ON plays (a) INCLUDE (b)", False),
    ],
)
def test_index_and_a_composite_foreign_key(scratch, index, serves):
    scratch.run(f"{USERS}{COMPOSITE}{index};")
    assert (objects(scratch, "fk-not-indexed") == set()) == serves


def test_composite_foreign_key_by_name_action_and_type(scratch):
    scratch.run(f"""
        {USERS} {PLAYS}
        ALTER TABLE plays ALTER a SET NOT NULL;
        CREATE UNIQUE INDEX pair ON users (id, tenant_key);
        ALTER TABLE plays
            ADD CONSTRAINT plays_a_b_fkey FOREIGN KEY (a, b) REFERENCES users (tenant_key, id)
                ON DELETE SET NULL,
            ADD CONSTRAINT plays_c_a_fkey FOREIGN KEY (c, a) REFERENCES users (tenant_key, id)
                ON DELETE SET NULL (c);
    """)
    assert objects(scratch, "fk-name") == set()
    assert objects(scratch, "fk-set-null-not-null") == {"public.plays.plays_a_b_fkey"}
    assert objects(scratch, "fk-type-mismatch") == set()


def test_natural_key_is_not_uuid_but_of_the_same_type(scratch):
    scratch.run("""
        CREATE DOMAIN code AS varchar(2);
        CREATE TABLE countries (code code PRIMARY KEY);
        CREATE TABLE plays (country varchar(3) CONSTRAINT plays_country_fkey
            REFERENCES countries (code) ON DELETE RESTRICT);
    """)
    assert objects(scratch, "fk-not-uuid") == {"public.plays.plays_country_fkey"}
    assert objects(scratch, "fk-type-mismatch") == set()


def test_references_that_need_no_foreign_key(scratch):
    """The table's own key, a text, a column of a composite foreign key, an array."""
    scratch.run(f"""
        {USERS}
        CREATE TABLE devices (device_id uuid PRIMARY KEY, provider_user_id varchar(255),
            track_ids uuid[], _id uuid, paid uuid, tenant_id uuid, user_id uuid,
            FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_key, id) ON DELETE CASCADE,
            subject_id uuid);
    """)
    assert objects(scratch, "fk-missing") == {
        "public.devices._id",
        "public.devices.subject_id",
    }


def test_newer_kinds_of_constraints(scratch):
    """WITHOUT OVERLAPS, NOT ENFORCED and virtual columns, from PostgreSQL 18 on."""
    older = scratch.connection.info.server_version < 180000
    scratch.run(
        USERS
        + "CREATE TABLE plays (a int NOT NULL, user_id uuid CONSTRAINT plays_user_id_fkey"
        + " REFERENCES users (id) ON DELETE CASCADE"
        + (");" if older else " NOT ENFORCED, v text GENERATED ALWAYS AS ('x') VIRTUAL);")
    )
    expected = set() if older else {"public.plays.plays_user_id_fkey"}
    assert objects(scratch, "fk-not-valid") == expected
    assert objects(scratch, "check-name") == set()
    if not older:
        scratch.run("""
            CREATE EXTENSION btree_gist;
            CREATE TABLE rates (id uuid, valid tstzrange, PRIMARY KEY (id, valid WITHOUT OVERLAPS));
            CREATE TABLE prices (rate_id uuid, valid tstzrange, CONSTRAINT prices_rate_id_valid_fkey
                FOREIGN KEY (rate_id, PERIOD valid) REFERENCES rates (id, PERIOD valid),
                deleted_at timestamptz, UNIQUE (rate_id, valid WITHOUT OVERLAPS));
        """)
        assert not {
            each for each in scratch.seen() if "prices" in each[1] and each[0].startswith("fk-")
        }
        assert objects(scratch, "unique-not-partial") == set()


@pytest.mark.parametrize(
    ("index", "other"),
    [
        ("CREATE INDEX i ON plays (a)", "CREATE INDEX j ON plays (a, b)"),
        ("CREATE INDEX i ON plays (a)", "CREATE UNIQUE INDEX j ON plays (a, b)"),
        ("CREATE INDEX i ON plays (a)", "CREATE INDEX j ON plays (a DESC, b)"),
        ("CREATE INDEX i ON plays (a, b DESC)", "CREATE INDEX j ON plays (a DESC, b, t)"),
        ("CREATE INDEX i ON plays (a NULLS FIRST)",
         "CREATE INDEX j ON plays (a DESC NULLS LAST, b)"),
        ("CREATE INDEX i ON plays (a)", "ALTER TABLE plays ADD PRIMARY KEY (a, b)"),
        ("CREATE INDEX i ON plays (a) INCLUDE (b)", "CREATE INDEX j ON plays (a, c, b)"),
        ("CREATE INDEX i ON plays (lower(t))", "CREATE INDEX j ON plays (lower(t), a)"),
        ("CREATE INDEX i ON plays (a) WHERE d IS NULL",
         "CREATE INDEX j ON plays (a, b) WHERE d IS NULL"),
    ],
)  # fmt: skip
def test_redundant_index(scratch, index, other):
    scratch.run(f"{PLAYS}{index};{other};")
    assert objects(scratch, "index-redundant") == {"public.i"}
    assert objects(scratch, "index-duplicate") == set()


@pytest.mark.parametrize(
    ("index", "other"),
    [
        ("CREATE INDEX i ON plays (a)", "CREATE INDEX j ON plays (b, a)"),
        ("CREATE INDEX i ON plays (a)", "CREATE INDEX j ON plays (a NULLS FIRST, b)"),
        ("CREATE INDEX i ON plays (a)", "CREATE INDEX j ON plays (a DESC NULLS LAST, b)"),
        ("CREATE INDEX i ON plays (a, b)", "CREATE INDEX j ON plays (a DESC, b, t)"),
        ("CREATE INDEX i ON plays (a, b)", "CREATE INDEX j ON plays (a, b DESC)"),
        ("CREATE INDEX i ON plays (a)", "CREATE INDEX j ON plays (a, b) WHERE d IS NULL"),
        ("CREATE INDEX i ON plays (a) WHERE d IS NULL", "CREATE INDEX j ON plays (a, b)"),
        ("CREATE INDEX i ON plays (a) INCLUDE (t)", "CREATE INDEX j ON plays (a, b)"),
        ("CREATE INDEX i ON plays (a)", "CREATE INDEX j ON plays (b) INCLUDE (a)"),
        ("CREATE INDEX i ON plays USING hash (a)", "CREATE INDEX j ON plays (a, b)"),
        ("CREATE INDEX i ON plays USING brin (a)", "CREATE INDEX j ON plays USING brin (a, b)"),
        ("CREATE INDEX i ON plays (t)", "CREATE INDEX j ON plays (t text_pattern_ops, a)"),
        ("CREATE INDEX i ON plays (t)", 'CREATE INDEX j ON plays (t COLLATE "C", a)'),
        ("CREATE INDEX i ON plays (lower(t))", "CREATE INDEX j ON plays (upper(t), a)"),
        ("CREATE UNIQUE INDEX i ON plays (a)", "CREATE INDEX j ON plays (a, b)"),
        ("CREATE UNIQUE INDEX i ON plays (a)", "CREATE UNIQUE INDEX j ON plays (a, b)"),
        ("CREATE UNIQUE INDEX i ON plays (a)",
         "CREATE UNIQUE INDEX j ON plays (a) NULLS NOT DISTINCT"),
        ("ALTER TABLE plays ADD EXCLUDE USING btree (a WITH =)", "CREATE INDEX j ON plays (a, b)"),
        ("ALTER TABLE plays ADD CONSTRAINT i UNIQUE (a)", "CREATE INDEX j ON plays (a, b)"),
        ("CREATE UNIQUE INDEX i ON plays (a)", "ALTER TABLE plays ADD UNIQUE (a) DEFERRABLE"),
        ("CREATE INDEX i ON plays (a); ALTER TABLE plays CLUSTER ON i",
         "CREATE INDEX j ON plays (a, b)"),
        ("ALTER TABLE plays ALTER a SET NOT NULL; CREATE UNIQUE INDEX i ON plays (a);"
         " ALTER TABLE plays REPLICA IDENTITY USING INDEX i",
         "CREATE UNIQUE INDEX j ON plays (a, b)"),
        ("CREATE INDEX i ON plays (a)",
         "CREATE INDEX j ON plays (a, b); UPDATE pg_index SET indisvalid = false"
         " WHERE indexrelid = 'j'::regclass"),
    ],
)  # fmt: skip
def test_index_that_is_needed(scratch, index, other):
    scratch.run(f"{PLAYS}{index};{other};")
    assert objects(scratch, "index-redundant") == set()
    assert objects(scratch, "index-duplicate") == set()


@pytest.mark.parametrize(
    ("index", "other"),
    [
        ("CREATE INDEX i ON plays (a)", "CREATE INDEX idx_plays_a ON plays (a)"),
        ("CREATE INDEX i ON plays (a)", "CREATE INDEX idx_plays_a ON plays (a DESC)"),
        ("CREATE INDEX i ON plays (a, b DESC)", "CREATE UNIQUE INDEX j ON plays (a DESC, b)"),
        ("CREATE INDEX i ON plays (a)", "CREATE UNIQUE INDEX j ON plays (a)"),
        ("CREATE INDEX i ON plays (a)", "CREATE INDEX j ON plays (a) INCLUDE (t)"),
        ("CREATE UNIQUE INDEX i ON plays (a)", "ALTER TABLE plays ADD UNIQUE (a)"),
        ("CREATE UNIQUE INDEX i ON plays (a)", "ALTER TABLE plays ADD PRIMARY KEY (a)"),
        ("ALTER TABLE plays ADD CONSTRAINT i UNIQUE (a)", "ALTER TABLE plays ADD PRIMARY KEY (a)"),
        ("ALTER TABLE plays ADD CONSTRAINT i UNIQUE (a) DEFERRABLE",
         "ALTER TABLE plays ADD UNIQUE (a)"),
        ("CREATE INDEX i ON plays USING hash (a)",
         "CREATE INDEX idx_plays_a ON plays USING hash (a)"),
        ("CREATE INDEX i ON plays (lower(t))",
         "CREATE INDEX idx_plays_t_lower ON plays (lower(t))"),
        ("CREATE UNIQUE INDEX i ON plays (a)",
         "CREATE UNIQUE INDEX j ON plays (a); CREATE TABLE likes (a uuid REFERENCES plays (a));"
         "UPDATE pg_constraint SET conindid = 'j'::regclass WHERE contype = 'f'"),
    ],
)  # fmt: skip
def test_duplicate_index(scratch, index, other):
    scratch.run(f"{PLAYS}{index};{other};")
    assert objects(scratch, "index-duplicate") == {"public.i"}
    assert objects(scratch, "index-redundant") == set()


@pytest.mark.parametrize(
    ("name", "definition"),
    [
        ("idx_plays_a", "plays (a DESC)"),
        ("idx_plays_a_b", "plays (a, b DESC)"),
        ("idx_plays_a", "plays (a) INCLUDE (b)"),
        ("idx_plays_a_b", "plays (a) INCLUDE (b)"),
        ("idx_plays_a", "plays (a) WHERE b IS NULL"),
        ("idx_plays_a_live", "plays (a) WHERE b IS NULL"),
        ("idx_plays_t_upper", "plays (upper(t))"),
        ("idx_plays_t_upper_a", "plays (upper(t), a)"),
        ("idx_plays_t_a_upper", "plays (upper(t), a)"),
        ("idx_plays_a_t_search", "plays ((a::text || t))"),
        ("idx_plays_t_pattern", "plays (t text_pattern_ops)"),
        ("idx_plays_t_upper_live", "plays (upper(t)) WHERE b IS NULL"),
        ("idx_plays_a_brin", "plays USING brin (a)"),
        ("idx_plays_always", "plays ((true))"),
    ],
)
def test_name_by_convention(scratch, name, definition):
    scratch.run(f"{PLAYS} CREATE INDEX {name} ON {definition};")
    assert objects(scratch, "index-name") == set()


@pytest.mark.parametrize(
    ("name", "definition", "right"),
    [
        ("plays_a_idx", "plays (a)", "idx_plays_a"),
        ("idx_plays_b", "plays (a)", "idx_plays_a"),
        ("idx_plays_b_a", "plays (a, b)", "idx_plays_a_b"),
        ("idx_plays_a_8f3e", "plays (a)", "idx_plays_a"),
        ("idx_plays_t", "plays (upper(t))", "idx_plays_t_upper"),
        ("idx_plays_t", "plays (t text_pattern_ops)", "idx_plays_t_text_pattern"),
        ("idx_plays_d_upper", "plays (upper(t)) WHERE d IS NULL", "idx_plays_t_upper"),
        ('"Idx_plays_a"', "plays (a)", "idx_plays_a"),
    ],
)
def test_name_off_the_convention(scratch, name, definition, right):
    scratch.run(f"{PLAYS} CREATE INDEX {name} ON {definition};")
    [found] = [each for each in scratch.findings() if each.rule.id == "index-name"]
    assert found.object == f"public.{name}"
    assert found.fix.sql == f"ALTER INDEX public.{name} RENAME TO {right};"
    scratch.run(found.fix.sql)
    assert objects(scratch, "index-name") == set()


@pytest.mark.parametrize(
    ("index", "blocks"),
    [
        ("CREATE UNIQUE INDEX i ON plays (a)", True),
        ("ALTER TABLE plays ADD CONSTRAINT i UNIQUE (a)", True),
        ("CREATE UNIQUE INDEX i ON plays (a) WHERE a IS NOT NULL", True),
        ("CREATE UNIQUE INDEX i ON plays (a) WHERE t = '(deleted_at IS NULL)'", True),
        ("CREATE UNIQUE INDEX i ON plays (a) WHERE deleted_at IS NULL OR b IS NULL", True),
        ("CREATE UNIQUE INDEX i ON plays (a, (deleted_at IS NULL))", True),
        ("CREATE UNIQUE INDEX i ON plays (a, deleted_at) NULLS NOT DISTINCT", False),
        ("CREATE UNIQUE INDEX i ON plays (a, coalesce(deleted_at, 'infinity'))", False),
        ("CREATE UNIQUE INDEX i ON plays (a, (CASE WHEN deleted_at IS NULL THEN 1 END))", False),
        ("CREATE UNIQUE INDEX i ON plays ((CASE WHEN deleted_at IS NULL THEN a END))", False),
        ("CREATE UNIQUE INDEX i ON plays (a) WHERE deleted_at IS NULL", False),
        ("CREATE UNIQUE INDEX i ON plays (a) WHERE deleted_at IS NULL AND (b IS NULL OR c = b)",
         False),
        ("CREATE UNIQUE INDEX i ON plays (id, a)", False),
        ("ALTER TABLE plays ADD CONSTRAINT i EXCLUDE USING btree (a WITH =)", False),
    ],
)  # fmt: skip
def test_unique_index_that_deleted_rows_block(scratch, index, blocks):
    scratch.run(
        f"{PLAYS} ALTER TABLE plays ADD id uuid PRIMARY KEY, ADD deleted_at timestamptz; {index};"
    )
    assert objects(scratch, "unique-not-partial") == ({"public.i"} if blocks else set())
