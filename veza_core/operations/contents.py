"""The contents of schemas: objects of every kind, without extensions and their objects."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

from veza_core.db.fetch import fetch_all
from veza_core.visible import visible

OWN_SCHEMAS = ("public", "django")

#: Objects that belong to a schema itself, and stay with it.
STAYING = ("pg_extension", "pg_default_acl", "pg_publication_namespace")

# Objects of extensions (e) are left out. So are parts of other objects (i), which are dropped with
# them: row types, arrays, sequences of identity columns. Only objsubid = 0 counts, because the key
# columns of a partitioned table are internal parts of the table itself.
CONTENTS = """
SELECT identified.type, identified.identity
FROM pg_depend
JOIN pg_namespace ON pg_namespace.oid = refobjid AND nspname = ANY(%(schemas)s)
CROSS JOIN LATERAL pg_identify_object(classid, objid, 0) AS identified
WHERE refclassid = 'pg_namespace'::regclass AND classid <> ALL (%(staying)s::regclass[])
    AND NOT EXISTS (
        SELECT FROM pg_depend AS owned WHERE owned.classid = pg_depend.classid
            AND owned.objid = pg_depend.objid AND owned.objsubid = 0
            AND owned.deptype IN ('e', 'i')
    )
ORDER BY identified.type <> 'table', identified.identity
"""


@dataclass(frozen=True, slots=True)
class Object:
    """An object in PostgreSQL's words, such as `table` and `public.users` (pg_identify_object)."""

    kind: str
    identity: str

    def __str__(self) -> str:
        return visible(f"{self.kind} {self.identity}")

    @property
    def drop_statement(self) -> str:
        """The statement that drops it if it still exists."""
        kind = self.kind.upper().removesuffix(" OBJECT").replace("-", " ")  # statistics object
        # pg_identify_object quotes names where necessary.
        return f"DROP {kind} IF EXISTS {self.identity}"


def contents_of(
    connection: BaseDatabaseWrapper, schemas: Sequence[str] = OWN_SCHEMAS
) -> list[Object]:
    """Everything that is directly in the schemas, tables first."""
    parameters = {"schemas": list(schemas), "staying": list(STAYING)}
    return [Object(*row) for row in fetch_all(connection, CONTENTS, parameters)]
