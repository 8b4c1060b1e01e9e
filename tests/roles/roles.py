"""What the tests of the role that reads share."""

import psycopg

DENIED = psycopg.errors.InsufficientPrivilege
PASSWORD = "s3cret pw"


def grants(owner, role):
    """All that the catalog says of a role, as a set."""
    rows = owner.execute(
        "SELECT relname, unnest(relacl)::text FROM pg_class "
        "UNION ALL SELECT attrelid::regclass || attname, unnest(attacl)::text FROM pg_attribute "
        "UNION ALL SELECT nspname, unnest(nspacl)::text FROM pg_namespace "
        "UNION ALL SELECT proname, unnest(proacl)::text FROM pg_proc "
        "UNION ALL SELECT datname, unnest(datacl)::text FROM pg_database "
        "UNION ALL SELECT defaclobjtype::text, unnest(defaclacl)::text FROM pg_default_acl "
        "UNION ALL SELECT rolname || ' inherits', rolname FROM pg_roles WHERE rolinherit "
        "UNION ALL SELECT rolname || ' can log in', rolname FROM pg_roles WHERE rolcanlogin "
        "UNION ALL SELECT unnest(setconfig), setrole::regrole::text FROM pg_db_role_setting"
    )
    return {row for row in rows if role in row[1]}
