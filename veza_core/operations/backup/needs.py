"""What a restore needs and the backup does not contain; printed when the backup is made."""

from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.operations.backup.archive import Archive
from veza_core.operations.backup.names import grant_roles, owners, policy_roles, tablespaces
from veza_core.operations.contents import OWN_SCHEMAS
from veza_core.operations.deploy.requirements import EXTENSIONS

# Objects that ours use and that are in another schema, in none (a foreign server, a language), or
# in an extension. A restore creates V1's own extensions.
USED = """
SELECT DISTINCT coalesce('extension ' || quote_ident(extname), used.type || ' ' || used.identity)
FROM pg_depend
CROSS JOIN LATERAL pg_identify_object(classid, objid, 0) AS user_
CROSS JOIN LATERAL pg_identify_object_as_address(classid, objid, 0) AS address
CROSS JOIN LATERAL pg_identify_object(refclassid, refobjid, 0) AS used
LEFT JOIN pg_depend AS member ON member.classid = pg_depend.refclassid
    AND member.objid = pg_depend.refobjid AND member.deptype = 'e'
LEFT JOIN pg_extension ON pg_extension.oid = member.refobjid
-- PostgreSQL's own objects have lower numbers (FirstNormalObjectId).
WHERE pg_depend.refobjid >= 16384 AND pg_depend.deptype IN ('n', 'a')
    AND coalesce(user_.schema, address.object_names[1]) = ANY (%(schemas)s)
    AND NOT EXISTS (
        SELECT FROM pg_depend AS owned WHERE owned.classid = pg_depend.classid
            AND owned.objid = pg_depend.objid AND owned.deptype = 'e'
    )
    AND CASE WHEN extname IS NOT NULL THEN extname <> ALL (%(extensions)s)
        WHEN used.schema IS NULL THEN pg_depend.refclassid
            IN ('pg_foreign_server'::regclass, 'pg_language'::regclass, 'pg_am'::regclass)
        ELSE used.schema <> ALL (%(schemas)s) END
ORDER BY 1
"""
ROLES = "SELECT 'role ' || quote_ident(name) FROM unnest(%s::text[]) AS name WHERE name <> user"
LABELS = """
SELECT DISTINCT 'security label provider ' || quote_ident(provider) FROM pg_seclabels
WHERE objnamespace::regnamespace::text = ANY(%s)
"""
TABLESPACES = "SELECT 'tablespace ' || quote_ident(name) FROM unnest(%s::text[]) AS name"


def needs_of(connection: BaseDatabaseWrapper, archive: Archive) -> list[str]:
    """What a server needs before this archive, just made from this database, can be restored
    there.
    """
    ours = archive.ours
    roles = owners(ours) | grant_roles(ours) | policy_roles(ours)
    with connection.cursor() as cursor:
        cursor.execute(ROLES, [sorted(roles)])
        found = cursor.fetchall()
        cursor.execute(TABLESPACES, [sorted(tablespaces(ours))])
        found += cursor.fetchall()
        cursor.execute(LABELS, [list(OWN_SCHEMAS)])
        found += cursor.fetchall()
        cursor.execute(USED, {"schemas": list(OWN_SCHEMAS), "extensions": list(EXTENSIONS)})
        found += cursor.fetchall()
    return [name for (name,) in found]
