"""Types of columns that name a row elsewhere (Standard, rules 1 and 7)."""

import re
from collections.abc import Iterator

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.objects import BPCHAR, VARCHAR, Column
from veza_core.schema.audit.rule import TYPES, Found
from veza_core.schema.audit.rules.operation import known
from veza_core.schema.quoting import ident

_TEXT, _BYTEA = 25, 17
_UUID_NAME = re.compile(r"(^|_)[ug]uid$", re.I)
#: A type modifier counts four more than the length; a UUID with its hyphens has 36 characters.
_UUID_LENGTH = 36 + 4


@TYPES.warning(
    "uuid-as-text",
    "UUID kept as text or bytea",
    reason="As text it takes 37 bytes, and as uuid 16, in the table and in each index. Text is "
    "compared with a collation, accepts any value, and does not find a UUID in capitals.",
    remedy="Use uuid. This rewrites the table, and every column that refers to it must change "
    "too: plan it as a migration.",
    bad="CREATE TABLE plays (track_id varchar(36));",
    good="CREATE TABLE plays (track_id uuid);",
    example="public.plays.track_id",
)
def uuid_as_text(catalog: Catalog) -> Iterator[Found]:
    """A text or bytea column is reported if its name ends in the word uuid or guid, if it is an id
    of 36 characters, or if its default is a UUID. A text column is also reported if all of its
    values in the statistics are UUIDs; the finding says how old these are. It is not reported if
    the statistics show other values, such as the guid of a feed's entry. A virtual column is never
    reported.
    """
    by_values = {(oid, name): (time, fit) for oid, name, time, fit in catalog.uuid_texts}
    for table in catalog.tables:
        for column in table.local_columns():
            evidence = _evidence(column)
            analyzed, are_uuids = by_values.get((table.oid, column.name), (None, None))
            if column.is_virtual or are_uuids is False:
                continue
            if not evidence and are_uuids:
                evidence = f", and all of its values are UUIDs {known(analyzed)}"
            if evidence:
                name = ident(column.name)
                message = f"{name} is {column.type_name}{evidence}"
                yield Found(table, f"{table.identity}.{name}", message)


def _evidence(column: Column) -> str:
    """Say why a column of another type seems to be a UUID; empty if it does not."""
    if column.base_type not in (_TEXT, BPCHAR, VARCHAR, _BYTEA):
        return ""
    if re.search(r"\b(gen_random_uuid|uuid_generate_v\d\w*|uuidv\d)\(", column.default or ""):
        return ", and a UUID by default"
    if _UUID_NAME.search(column.name):
        return ", and a UUID by its name"
    is_id = column.name == "id" or column.name.endswith("_id")
    if is_id and column.base_type in (BPCHAR, VARCHAR) and column.modifier == _UUID_LENGTH:
        return ", as long as a UUID"
    return ""


@TYPES.warning(
    "type-differs",
    "Column `<x>_id` whose type differs from the key of table x",
    reason="`user_id` means the same in every table. If the types differ, joins convert the "
    "values and cannot use the index, and clients have two types for one thing.",
    remedy="In a migration, give all these columns the type of the key.",
    bad="CREATE TABLE users (id bigint PRIMARY KEY);\nCREATE TABLE plays (user_id bigint);\n"
    "CREATE TABLE likes (user_id text);",
    good="CREATE TABLE users (id bigint PRIMARY KEY);\nCREATE TABLE plays (user_id bigint);\n"
    "CREATE TABLE likes (user_id bigint);",
    example="public.likes.user_id",
)
def type_differs(catalog: Catalog) -> Iterator[Found]:
    """A column `<x>_id` is compared with the key of table x in the same schema. If a column
    `<x>_type` is next to it, it is not checked, because it can refer to any table. The rule
    fk-type-mismatch checks the columns of foreign keys. Other columns of the same name are not
    compared, because they may mean different things in different tables.
    """
    for table in catalog.tables:
        declared = {name for key in table.foreign_keys for name in key.columns}
        for column in table.local_columns():
            if column.name in declared:
                continue
            key = catalog.meaning.other_key(table, column.name)
            if key is not None and key.base_type != column.base_type:
                name = ident(column.name)
                message = (
                    f"{name} is {column.type_name}, but the key that it names is {key.type_name}"
                )
                yield Found(table, f"{table.identity}.{name}", message)
