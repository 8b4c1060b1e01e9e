"""What a server must offer before V1's first statement runs on it."""

from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.fetch import fetch_row
from veza_core.db.operations import EXTENSIONS

SERVER_FACTS = """
SELECT
    pg_is_in_recovery(),
    current_setting('server_encoding'),
    current_user,
    current_database(),
    has_database_privilege(current_database(), 'CREATE'),
    to_regnamespace('public') IS NOT NULL,
    (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'public'),
    ARRAY(SELECT name::text FROM pg_available_extensions WHERE name = ANY(%s)),
    (SELECT nspname::text FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
        WHERE extname = 'pg_trgm'),
    (SELECT has_language_privilege(oid, 'USAGE') FROM pg_language WHERE lanname = 'plpgsql')
"""


def unmet_requirements(connection: BaseDatabaseWrapper) -> list[str]:
    """Why V1 cannot run on this server: a line for each reason, with what to do. Empty if it can.

    It only reads. Django already refuses PostgreSQL older than 15.
    """
    facts = fetch_row(connection, SERVER_FACTS, [list(EXTENSIONS)])
    replica, encoding, role, database, create, public, owns_public, *rest = facts
    available, trgm, plpgsql = rest
    if replica:
        return ["this server is a read-only replica: give the primary in DATABASE_URL"]
    problems = []
    if encoding != "UTF8":
        problems.append(
            f"database {database} has encoding {encoding}: create it with ENCODING 'UTF8'"
        )
    if not create:
        problems.append(
            f'role {role} may not create schemas: GRANT CREATE ON DATABASE "{database}" TO "{role}"'
        )
    if not public:
        problems.append("schema public is missing: CREATE SCHEMA public")
    elif not owns_public:
        # The owner may create objects there, and write the schema's version into its comment.
        problems.append(
            f'role {role} does not own schema public: ALTER SCHEMA public OWNER TO "{role}"'
        )
    if missing := _missing_extensions(connection, available):
        problems.append(
            f"the server has no extension {', '.join(missing)}: install PostgreSQL's contrib "
            "package there (Debian: postgresql-15 or newer; Red Hat: postgresql-contrib)"
        )
    if trgm not in (None, "public"):
        problems.append(
            f"extension pg_trgm is in schema {trgm}: ALTER EXTENSION pg_trgm SET SCHEMA public"
        )
    if not plpgsql:
        problems.append(
            f"role {role} may not use language plpgsql: GRANT USAGE ON LANGUAGE plpgsql TO "
            f'"{role}", or CREATE EXTENSION plpgsql if it is not there'
        )
    return problems


def _missing_extensions(connection: BaseDatabaseWrapper, available: list[str]) -> list[str]:
    embedded = bool(connection.settings_dict.get("EMBEDDED"))
    required = ("pg_trgm",) if embedded else EXTENSIONS
    return [name for name in required if name not in available]
