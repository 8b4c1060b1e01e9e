"""Creates databases with any number of tables, each similar to a table of V1."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

#: Tables created in one transaction. Each takes about ten locks, and by default there are 6,400.
BATCH = 100

PRELUDE = """
CREATE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql SET search_path = ''
AS $$ BEGIN NEW.updated_at = CURRENT_TIMESTAMP; RETURN NEW; END; $$;
CREATE TYPE state AS ENUM ('pending', 'ready');
CREATE TABLE users (id uuid PRIMARY KEY);
"""

# Twelve columns, two foreign keys, two checks, four indexes, a trigger and comments, as in V1.
# Every seventh table has a finding.
TABLES = """
DO $do$
DECLARE
    t text;
BEGIN
    FOR n IN {first}..{last} LOOP
        t := 'plays_' || n;
        EXECUTE format($ddl$
            CREATE TABLE %1$I (
                id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                user_id uuid NOT NULL
                    CONSTRAINT %1$s_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
                parent_id uuid
                    CONSTRAINT %1$s_parent_id_fkey REFERENCES %1$I (id) ON DELETE SET NULL,
                title varchar(255) NOT NULL, slug varchar(255), content text,
                state state NOT NULL DEFAULT 'pending',
                duration_ms integer CONSTRAINT chk_%1$s_duration_ms CHECK (duration_ms >= 0),
                play_count bigint NOT NULL DEFAULT 0
                    CONSTRAINT chk_%1$s_play_count CHECK (play_count >= 0),
                created_at %2$s NOT NULL DEFAULT CURRENT_TIMESTAMP,
                updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
                deleted_at timestamptz);
            CREATE INDEX idx_%1$s_user_id_created_at ON %1$I (user_id, created_at DESC);
            CREATE INDEX idx_%1$s_parent_id ON %1$I (parent_id);
            CREATE UNIQUE INDEX idx_%1$s_slug ON %1$I (slug) WHERE deleted_at IS NULL;
            CREATE INDEX idx_%1$s_title_upper ON %1$I (upper(title));
            CREATE TRIGGER update_%1$s_updated_at BEFORE UPDATE ON %1$I
                FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
            COMMENT ON TABLE %1$I IS 'Each listening';
            COMMENT ON COLUMN %1$I.duration_ms IS 'Time heard, in milliseconds';
        $ddl$, t, CASE WHEN n % 7 = 0 THEN 'timestamp' ELSE 'timestamptz' END);
    END LOOP;
END
$do$
"""


@contextmanager
def database(server: str, tables: int) -> Iterator[str]:
    """Create a database with this many tables on the same server; yield its name, and drop it."""
    name = f"bench_audit_{tables}_{os.getpid()}"
    identifier = sql.Identifier(name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(identifier))
        try:
            _fill(psycopg.conninfo.make_conninfo(server, dbname=name), tables)
            yield name
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


def _fill(url: str, tables: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute(PRELUDE)
        for first in range(1, tables, BATCH):
            last = min(first + BATCH, tables) - 1
            connection.execute(TABLES.format(first=first, last=last))
        # The state in which autovacuum leaves a database in use.
        connection.execute("VACUUM ANALYZE")
