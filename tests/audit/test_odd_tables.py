"""Unusual tables: partitions, child tables, domains, views, odd names.

A table that follows the Standard has no finding, of whatever kind it is. A violation is reported
once, at its place.
"""

FUNCTION = """
CREATE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql SET search_path = ''
AS $$ BEGIN NEW.updated_at = CURRENT_TIMESTAMP; RETURN NEW; END; $$;
"""

STANDARD = """
    id uuid DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
"""


def table(name, *columns, options=""):
    """DDL of a table that follows the Standard, with further columns and constraints."""
    body = ", ".join([STANDARD, "PRIMARY KEY (id)", *columns])
    return f"CREATE TABLE {name} ({body}) {options}; {trigger(name)}"


def trigger(name):
    bare = name.rsplit(".", 1)[-1].strip('"')
    return (
        f'CREATE TRIGGER "update_{bare}_updated_at" BEFORE UPDATE ON {name} '
        "FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();"
    )


def reference(name, column, target):
    """A column with a foreign key that follows the Standard, except that it has no index."""
    return (
        f"{column} uuid NOT NULL CONSTRAINT {name}_{column}_fkey "
        f"REFERENCES {target} (id) ON DELETE CASCADE"
    )


def test_empty_schema_has_no_finding_but_what_is_missing(scratch):
    assert scratch.seen() == set()
    assert {each.rule.id for each in scratch.findings()} == {"table-missing", "extension-missing"}


def test_standard_table_has_no_finding(scratch):
    scratch.run(FUNCTION + table("plays") + table("likes", "play_count integer"))
    assert scratch.seen() == set()


PARTITIONED = f"""
CREATE TABLE plays ({STANDARD},
    CONSTRAINT plays_pkey PRIMARY KEY (id, created_at)) PARTITION BY RANGE (created_at);
CREATE TABLE plays_2025 PARTITION OF plays FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')
    PARTITION BY RANGE (created_at);
CREATE TABLE plays_2025_01 PARTITION OF plays_2025
    FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE TABLE plays_rest (LIKE plays);
ALTER TABLE plays ATTACH PARTITION plays_rest DEFAULT;
"""


def test_partitions_are_their_parents(scratch):
    """plays_rest has no default and no key of its own; those of its parent apply."""
    scratch.run(
        FUNCTION
        + table("tracks")
        + PARTITIONED
        + f"ALTER TABLE plays ADD {reference('plays', 'track_id', 'tracks')};"
        + "CREATE INDEX idx_plays_track_id ON plays (track_id);"
        + "ALTER TABLE plays ADD CONSTRAINT chk_plays_id CHECK (id IS NOT NULL);"
        + trigger("plays")
    )
    assert scratch.seen() == set()
    assert [each.name for each in scratch.catalog().tables] == ["plays", "tracks"]


def test_partitioned_table_is_reported_once(scratch):
    scratch.run(
        table("tracks").split("CREATE TRIGGER")[0]
        + PARTITIONED
        + "ALTER TABLE plays ADD track_id uuid REFERENCES tracks (id), ADD device char(2);"
        + "CREATE INDEX plays_device ON plays (device);"
        + "ALTER TABLE plays ALTER updated_at SET DEFAULT now();"
    )
    assert scratch.seen() == {
        ("timestamps-default", "public.plays.updated_at"),
        ("trigger-missing", "public.plays"),
        ("trigger-missing", "public.tracks"),
        ("fk-on-delete", "public.plays.plays_track_id_fkey"),
        ("fk-not-indexed", "public.plays.plays_track_id_fkey"),
        ("index-name", "public.plays_device"),
        ("type-char", "public.plays.device"),
    }


def test_reference_to_a_partitioned_table_is_one_foreign_key(scratch):
    """PostgreSQL has another constraint for each referenced partition."""
    scratch.run(
        FUNCTION
        + f"CREATE TABLE plays ({STANDARD}, PRIMARY KEY (id)) PARTITION BY HASH (id);"
        + "CREATE TABLE plays_0 PARTITION OF plays FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        + "CREATE TABLE plays_1 PARTITION OF plays FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
        + trigger("plays")
        + table("likes", "play_id uuid REFERENCES plays (id)")
    )
    assert scratch.seen() == {
        ("fk-on-delete", "public.likes.likes_play_id_fkey"),
        ("fk-not-indexed", "public.likes.likes_play_id_fkey"),
    }


def test_partition_has_what_is_its_own(scratch):
    scratch.run(
        FUNCTION
        + PARTITIONED
        + trigger("plays")
        + table("tracks")
        + "CREATE INDEX idx_plays_updated_at ON plays (updated_at);"
        + "CREATE INDEX again ON plays_2025_01 (updated_at);"
        + "ALTER TABLE plays_2025_01 DISABLE TRIGGER update_plays_updated_at;"
        + "ALTER TABLE plays_rest ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES tracks (id);"
    )
    assert scratch.seen() == {
        ("index-duplicate", "public.again"),
        ("trigger-disabled", "public.plays_2025_01.update_plays_updated_at"),
        ("fk-on-delete", "public.plays_rest.fk"),
        ("fk-name", "public.plays_rest.fk"),
    }


def test_index_on_each_partition_serves_the_foreign_key(scratch):
    scratch.run(
        FUNCTION
        + table("tracks")
        + f"CREATE TABLE plays ({STANDARD}, PRIMARY KEY (id)) PARTITION BY HASH (id);"
        + "CREATE TABLE plays_0 PARTITION OF plays FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
        + trigger("plays")
        + f"ALTER TABLE plays ADD {reference('plays', 'track_id', 'tracks')};"
        + "CREATE INDEX idx_plays_0_track_id ON plays_0 (track_id);"
    )
    assert scratch.seen() == set()


def test_child_table_has_its_own_key_and_trigger_and_its_parents_columns(scratch):
    scratch.run(
        FUNCTION
        + table("plays", "device char(2)", "CONSTRAINT chk_plays_device CHECK (device <> '')")
        + "CREATE TABLE radio_plays (station text) INHERITS (plays);"
    )
    assert scratch.seen() == {
        ("type-char", "public.plays.device"),
        ("pk-missing", "public.radio_plays"),
        ("trigger-missing", "public.radio_plays"),
    }


def test_child_table_is_reported_only_for_what_it_changes(scratch):
    scratch.run(
        FUNCTION
        + table("plays")
        + "CREATE TABLE radio_plays (PRIMARY KEY (id)) INHERITS (plays);"
        + trigger("radio_plays")
        + "ALTER TABLE radio_plays ALTER created_at SET DEFAULT now();"
    )
    assert scratch.seen() == {("timestamps-default", "public.radio_plays.created_at")}


def test_column_that_a_parent_lacks_is_missing_once(scratch):
    scratch.run(
        "CREATE TABLE plays (id uuid PRIMARY KEY DEFAULT gen_random_uuid());"
        "CREATE TABLE radio_plays (PRIMARY KEY (id)) INHERITS (plays);"
    )
    assert scratch.seen() == {
        ("timestamps-missing", "public.plays.created_at"),
        ("timestamps-missing", "public.plays.updated_at"),
    }


def test_parent_in_another_schema_answers_for_its_columns(scratch):
    scratch.run(
        "CREATE SCHEMA base;"
        "CREATE TABLE base.plays (id uuid DEFAULT gen_random_uuid(), c char(1));"
        "CREATE TABLE plays (PRIMARY KEY (id), created_at timestamptz NOT NULL DEFAULT now())"
        " INHERITS (base.plays);"
    )
    assert scratch.seen() == {
        ("timestamps-default", "public.plays.created_at"),
        ("timestamps-missing", "public.plays.updated_at"),
    }


def test_domains_are_looked_through(scratch):
    scratch.run(
        FUNCTION
        + """
        CREATE DOMAIN key AS uuid DEFAULT gen_random_uuid();
        CREATE DOMAIN row_key AS key;
        CREATE DOMAIN moment AS timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;
        CREATE DOMAIN word AS varchar(20);
        CREATE DOMAIN bounded AS varchar CHECK (length(value) < 9);
        CREATE DOMAIN loose AS varchar;
        CREATE TABLE plays (id row_key PRIMARY KEY, created_at moment,
            updated_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), a word, b bounded);
        """
        + trigger("plays")
        + table("likes", "play_id key NOT NULL CONSTRAINT likes_play_id_fkey "
                "REFERENCES plays (id) ON DELETE CASCADE", "c loose")
        + "CREATE INDEX idx_likes_play_id ON likes (play_id);"
    )  # fmt: skip
    assert scratch.seen() == {("type-varchar-unbounded", "public.likes.c")}


def test_domains_do_not_hide_what_is_wrong(scratch):
    scratch.run("""
        CREATE DOMAIN moment AS timestamp DEFAULT now();
        CREATE DOMAIN key AS bigint;
        CREATE DOMAIN code AS char(3)[];
        CREATE TABLE plays (id key PRIMARY KEY, created_at moment, updated_at moment NOT NULL,
            deleted_at timestamp, codes code, days timestamp[]);
    """)
    assert scratch.seen() == {
        ("pk-not-uuid-id", "public.plays"),
        ("timestamps-type", "public.plays.created_at"),
        ("timestamps-type", "public.plays.updated_at"),
        ("timestamps-nullable", "public.plays.created_at"),
        ("timestamps-default", "public.plays.created_at"),
        ("timestamps-default", "public.plays.updated_at"),
        ("timestamp-without-time-zone", "public.plays.days"),
        ("deleted-at-type", "public.plays.deleted_at"),
        ("trigger-missing", "public.plays"),
        ("type-char", "public.plays.codes"),
    }


def test_views_and_foreign_tables_are_no_tables(scratch):
    scratch.run(
        FUNCTION
        + table("plays")
        + """
        CREATE VIEW recent AS SELECT id, created_at::timestamp, 'x'::char(1) AS c FROM plays;
        CREATE MATERIALIZED VIEW totals AS SELECT count(*)::money AS n FROM plays;
        CREATE UNIQUE INDEX whatever ON totals (n);
        CREATE FOREIGN DATA WRAPPER nothing;
        CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing;
        CREATE FOREIGN TABLE far (id serial, at timestamp) SERVER elsewhere;
        CREATE TYPE pair AS (a timestamp, b json);
        """
    )
    assert scratch.seen() == set()
    unexpected = [each.object for each in scratch.findings() if each.rule.id == "table-unexpected"]
    assert unexpected == ["public.far", "public.plays", "public.recent", "public.totals"]


def test_unlogged_is_audited_and_temporary_is_not(scratch):
    scratch.run(
        "CREATE UNLOGGED TABLE plays (at timetz); CREATE TEMPORARY TABLE scraps (at timetz);"
    )
    objects = {where for _, where in scratch.seen()}
    assert objects == {
        "public.plays",
        "public.plays.at",
        "public.plays.created_at",
        "public.plays.updated_at",
    }


def test_generated_columns_and_sequences(scratch):
    scratch.run("""
        CREATE SEQUENCE alone;
        CREATE SEQUENCE shared;
        CREATE TABLE plays (id uuid PRIMARY KEY GENERATED ALWAYS AS (md5('x')::uuid) STORED,
            a serial, b bigint GENERATED BY DEFAULT AS IDENTITY,
            c text DEFAULT 'n' || nextval('shared'), d text DEFAULT 'nextval(''x'')');
        ALTER TABLE plays ALTER a DROP DEFAULT;
    """)
    seen = scratch.seen()
    assert {where for rule, where in seen if rule == "sequence"} == {
        "public.alone",
        "public.plays.b",
        "public.plays.c",
        "public.plays_a_seq",
    }
    [default] = [each for each in scratch.findings() if each.rule.id == "pk-default"]
    assert default.fix is None


def test_members_of_extensions_are_left_alone(scratch):
    scratch.run("""
        CREATE EXTENSION pg_trgm;
        CREATE TABLE "Theirs" (a serial, b json);
        ALTER EXTENSION pg_trgm ADD TABLE "Theirs";
        ALTER EXTENSION pg_trgm ADD SEQUENCE "Theirs_a_seq";
    """)
    found = {(each.rule.id, each.object) for each in scratch.findings()}
    assert {rule for rule, _ in found} <= {"table-missing", "extension-missing"}


def test_names_of_any_kind(scratch):
    name = 'A "b".c |`*_x_\n\t\u2028[red]é%s{0}\\'
    quoted = '"' + name.replace('"', '""') + '"'
    scratch.run(f'CREATE TABLE {quoted} ({quoted} timestamp, _ok int, größe int, "x$" int);')
    seen = scratch.seen()
    assert ("pk-missing", f"public.{quoted}") in seen
    assert ("timestamp-without-time-zone", f"public.{quoted}.{quoted}") in seen
    assert {where for rule, where in seen if rule == "name-not-snake-case"} == {
        f"public.{quoted}",
        f"public.{quoted}.{quoted}",
        f'public.{quoted}."x$"',
    }
    assert {each.table for each in scratch.findings() if each.table} == {name}


def test_names_of_63_bytes(scratch):
    """Conventional names are cut in the same way as by PostgreSQL, between characters."""
    long, other = "p" * 63, "é" * 31
    scratch.run(
        FUNCTION
        + table("tracks")
        + table(long, "track_id uuid NOT NULL REFERENCES tracks (id) ON DELETE CASCADE")
        + table(other)
        + f"CREATE INDEX idx_{long[:40]}_track ON {long} (track_id);"
    )
    assert scratch.seen() == set()


def test_several_schemas(scratch):
    """Each has its own tables with the same names; only `public` must be V1."""
    scratch.run(
        FUNCTION
        + 'CREATE SCHEMA a; CREATE SCHEMA "B b";'
        + table("a.plays", "track_id uuid")
        + table('"B b".tracks')
        + "ALTER TABLE a.plays ADD CONSTRAINT plays_track_id_fkey FOREIGN KEY (track_id)"
        + ' REFERENCES "B b".tracks (id) ON DELETE CASCADE;'
        + "CREATE INDEX idx_plays_track_id ON a.plays (track_id);"
        + 'CREATE INDEX "Idx" ON "B b".tracks (updated_at);'
    )
    assert {(each.rule.id, each.object) for each in scratch.findings("a", "B b")} >= {
        ("fk-leaves-schema", "a.plays.plays_track_id_fkey"),
        ("index-name", '"B b"."Idx"'),
    }
    assert scratch.seen("a") == {("fk-leaves-schema", "a.plays.plays_track_id_fkey")}
    groups = {each.rule.group for each in scratch.findings("a", "B b")}
    assert "governance" not in groups
