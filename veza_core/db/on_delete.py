"""The function of the triggers that replace impossible foreign keys.

Like PostgreSQL's own foreign key triggers, it runs with the privileges of the tables' owner: a role
that may delete tracks need not have the privilege to delete plays.
"""

from veza_core.db.distribution import FUNCTION

#: The custom setting that counts, within a transaction, what the triggers changed.
CHANGED = "veza.on_delete"

# A query on a distributed table cannot read a transition table, so the keys are passed as an array.
# A setting counts the changed rows, because statistics of the shards are on their nodes.
BODY = f"""
DECLARE
    gone uuid[] := ARRAY(SELECT id FROM deleted);
    log text := format('%I.%I', TG_TABLE_SCHEMA, TG_ARGV[0]);
    counts jsonb := coalesce(nullif(current_setting('{CHANGED}', true), ''), '{{}}');
    name text := TG_ARGV[0] || ' ' || TG_ARGV[2];
    changed bigint;
BEGIN
    IF cardinality(gone) > 0 THEN
        IF TG_ARGV[2] = 'CASCADE' THEN
            EXECUTE format('DELETE FROM %s WHERE %I = ANY ($1)', log, TG_ARGV[1]) USING gone;
        ELSE
            EXECUTE format('UPDATE %s SET %2$I = NULL WHERE %2$I = ANY ($1)', log, TG_ARGV[1])
                USING gone;
        END IF;
        GET DIAGNOSTICS changed = ROW_COUNT;
        changed := changed + coalesce((counts ->> name)::bigint, 0);
        PERFORM set_config('{CHANGED}', (counts || jsonb_build_object(name, changed))::text, true);
    END IF;
    RETURN NULL;
END
"""
#: The settings as in `pg_proc.proconfig`.
SETTINGS = ["search_path=pg_catalog, pg_temp"]
CREATE = (
    f"CREATE OR REPLACE FUNCTION django.{FUNCTION}() RETURNS trigger LANGUAGE plpgsql "
    f"SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $${BODY}$$",
    f"REVOKE ALL ON FUNCTION django.{FUNCTION}() FROM PUBLIC",
    f"COMMENT ON FUNCTION django.{FUNCTION}() IS 'ON DELETE of foreign keys that a distributed "
    "table cannot have: manage.py distribute'",
)
DROP = (f"DROP FUNCTION IF EXISTS django.{FUNCTION}()",)
