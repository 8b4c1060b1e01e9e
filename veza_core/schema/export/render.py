"""Writes the objects of a snapshot as plain SQL.

The functions raise `ExportError` for a property that they cannot write.
"""

import re
from collections.abc import Iterator

from veza_core.db.operations import LEGACY_EXTENSIONS
from veza_core.schema.export import ExportError
from veza_core.schema.quoting import ident, literal
from veza_core.schema.snapshot import Properties, Snapshot
from veza_core.schema.spelling import column_type, default, expression

# Longer checks get a separate line.
_WIDTH = 95

# The order of constraints in CREATE TABLE. Those of one kind are in the order of their names.
_CONSTRAINT_ORDER = ("PRIMARY KEY", "UNIQUE", "FOREIGN KEY", "CHECK")

_EMPTY_ONLY = """\
-- A second load stops here.
DO $$
BEGIN
    IF to_regtype({type}) IS NOT NULL THEN
        RAISE EXCEPTION 'database "%" has this schema already, or a part of it', current_database()
        USING ERRCODE = 'duplicate_object',
            HINT = 'Load the files into an empty database (dropdb, createdb).';
    END IF;
END
$$;"""

_LEGACY_NOTE = """\
-- For clients of the old schema; nothing in this one depends on them. If the server does not have
-- one, such as the embedded server for development, it is left out, as `migrate` does: a plain
-- CREATE EXTENSION would fail there."""
_LEGACY_EXTENSION = """\
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = '{text}') THEN
        CREATE EXTENSION IF NOT EXISTS {name} WITH SCHEMA {schema};
    ELSE
        RAISE NOTICE 'extension {text} is not available here: left out, nothing depends on it';
    END IF;
END
$$;"""


def empty_only(snapshot: Snapshot) -> str:
    """A statement that stops the load if the first object of the files already exists."""
    first = next(iter(snapshot["types"]))
    return _EMPTY_ONLY.format(type=literal(f"public.{ident(first)}"))


def extensions(snapshot: Snapshot) -> str:
    """Legacy extensions, if the server has them, and the others, which must exist."""
    legacy = [_LEGACY_NOTE]
    needed = ["-- What the schema itself depends on."]
    for name, properties in snapshot["extensions"].items():
        names = {"name": ident(name), "schema": ident(properties["schema"])}
        if name in LEGACY_EXTENSIONS:
            legacy.append(_LEGACY_EXTENSION.format(text=name, **names))
        else:
            needed.append(
                "CREATE EXTENSION IF NOT EXISTS {name} WITH SCHEMA {schema};".format(**names)
            )
    return "\n".join(legacy) + "\n\n" + "\n".join(needed)


def enum(name: str, properties: Properties) -> str:
    """An enum type, its values in their order, and its comment."""
    if properties["kind"] != "enum":
        raise ExportError(f"{properties['kind']} type {name}: export_schema writes enums only")
    _refuse_others(f"type {name}", properties, "kind", "values", "comment")
    values = ",\n".join(f"    {literal(value)}" for value in properties["values"])
    target = f"public.{ident(name)}"
    return "\n".join(
        [f"CREATE TYPE {target} AS ENUM (\n{values}\n);", *_comment(f"TYPE {target}", properties)]
    )


def signature(name: str) -> tuple[str, str]:
    """Split `name(types)` into the quoted name of a function, and the types of its arguments."""
    bare, types = name[:-1].split("(", 1)
    return f"public.{ident(bare)}", types


def function(name: str, properties: Properties) -> str:
    """A function, its body as it is, and its comment. `name` has the types of its arguments."""
    _refuse_others(
        f"function {name}",
        properties,
        *("arguments", "returns", "language", "attributes", "settings", "body", "comment"),
    )
    target, types = signature(name)
    quote = "$$" if "$$" not in properties["body"] else "$body$"
    header = [
        f"CREATE FUNCTION {target}({properties.get('arguments', '')})"
        f" RETURNS {properties['returns']}",
        f"LANGUAGE {properties['language']}",
    ]
    if "attributes" in properties:
        header.append(properties["attributes"])
    for setting in properties.get("settings", []):
        variable, value = setting.split("=", 1)
        # In pg_proc, a list of schemas is a list of identifiers: "" is the empty list.
        value = value.replace('""', "''") if variable == "search_path" else literal(value)
        header.append(f"SET {variable} = {value}")
    lines = ["\n    ".join(header), f"AS {quote}{properties['body']}{quote};"]
    lines += _comment(f"FUNCTION {target}({types})", properties)
    if "SECURITY DEFINER" in properties.get("attributes", ""):
        # CREATE FUNCTION lets every role execute it.
        lines.append(f"REVOKE ALL ON FUNCTION {target}({types}) FROM PUBLIC;")
    return "\n".join(lines)


def table(name: str, properties: Properties) -> str:
    """CREATE TABLE, the indexes, the options, and the comments. Triggers are separate."""
    _refuse_others(
        f"table {name}",
        properties,
        *("columns", "constraints", "indexes", "triggers", "options", "toast options", "comment"),
    )
    target = f"public.{ident(name)}"
    constraints = dict(sorted(properties.get("constraints", {}).items(), key=_constraint_order))
    lines = [*_columns(name, properties["columns"], constraints)]
    for constraint, about in constraints.items():
        _refuse_others(f"constraint {name}.{constraint}", about, "definition", "options", "comment")
        if not _is_plain_primary_key(name, constraint, about):
            lines.append(_constraint(constraint, about["definition"]))
    indexes = [
        line
        for index, about in properties.get("indexes", {}).items()
        for line in added_index(name, index, about)
    ]
    comments = [
        *_comment(f"TABLE {target}", properties),
        *(
            comment
            for column, about in properties["columns"].items()
            for comment in _comment(f"COLUMN {target}.{ident(column)}", about)
        ),
        *(
            comment
            for constraint, about in constraints.items()
            for comment in _comment(f"CONSTRAINT {ident(constraint)} ON {target}", about)
        ),
    ]
    body = ",\n".join(f"    {line}" for line in lines)
    create = f"CREATE TABLE {target} (\n{body}\n);"
    options = "\n".join(_options(target, properties, constraints))
    return "\n\n".join(filter(None, [create, "\n".join(indexes), options, "\n".join(comments)]))


def triggers(name: str, properties: Properties) -> Iterator[str]:
    """The triggers of table `name`."""
    for trigger, about in properties.get("triggers", {}).items():
        yield "\n".join(added_trigger(name, trigger, about))


def added_trigger(table: str, name: str, about: Properties) -> Iterator[str]:
    """CREATE TRIGGER, and its comment."""
    _refuse_others(f"trigger {table}.{name}", about, "definition", "comment")
    definition = re.sub(
        r" (?=(?:BEFORE|AFTER|INSTEAD OF|FOR EACH) )", "\n    ", expression(about["definition"])
    )
    yield f"{definition};"
    yield from _comment(f"TRIGGER {ident(name)} ON public.{ident(table)}", about)


def added_column(table: str, name: str, about: Properties) -> Iterator[str]:
    """ALTER TABLE … ADD COLUMN, and its comment."""
    target = f"public.{ident(table)}"
    (words,) = _columns(table, {name: about}, {})
    yield f"ALTER TABLE {target} ADD COLUMN {words};"
    yield from _options(target, {"columns": {name: about}}, {})
    yield from _comment(f"COLUMN {target}.{ident(name)}", about)


def added_constraint(table: str, name: str, about: Properties) -> Iterator[str]:
    """ALTER TABLE … ADD CONSTRAINT, and its comment."""
    _refuse_others(f"constraint {table}.{name}", about, "definition", "options", "comment")
    target = f"public.{ident(table)}"
    yield f"ALTER TABLE {target} ADD {_constraint(name, about['definition'])};"
    yield from _options(target, {"columns": {}}, {name: about})
    yield from _comment(f"CONSTRAINT {ident(name)} ON {target}", about)


def added_index(table: str, name: str, about: Properties) -> Iterator[str]:
    """CREATE INDEX, and its comment. The definition contains the name of the table."""
    _refuse_others(f"index {name}", about, "definition", "comment")
    create, on = expression(about["definition"]).split(" ON ", 1)
    yield f"{create}\n    ON {on.replace(' USING btree ', ' ', 1)};"
    yield from _comment(f"INDEX public.{ident(name)}", about)


def _options(target: str, properties: Properties, constraints: Properties) -> Iterator[str]:
    """The statements that set options: of the table, of columns, of the indexes of constraints."""
    if of_table := [*properties.get("options", []), *properties.get("toast options", [])]:
        yield f"ALTER TABLE {target} SET {parameters(of_table)};"
    for column, about in properties["columns"].items():
        alter = f"ALTER TABLE {target} ALTER COLUMN {ident(column)}"
        if "options" in about:
            yield f"{alter} SET {parameters(about['options'])};"
        if "statistics" in about:
            yield f"{alter} SET STATISTICS {about['statistics']};"
    for constraint, about in constraints.items():
        if "options" in about:
            index = f"public.{ident(constraint)}"
            yield f"ALTER INDEX {index} SET {parameters(about['options'])};"


def parameters(options: list[str]) -> str:
    """Options from a catalog (`name=value`), in parentheses for SET."""
    pairs = (option.split("=", 1) for option in options)
    return f"({', '.join(f'{name} = {literal(value)}' for name, value in pairs)})"


def _columns(table: str, columns: Properties, constraints: Properties) -> Iterator[str]:
    """The columns, with aligned types."""
    key = next(
        (
            about["definition"].removeprefix("PRIMARY KEY ")[1:-1]
            for constraint, about in constraints.items()
            if _is_plain_primary_key(table, constraint, about)
        ),
        None,
    )
    width = max(len(ident(column)) for column in columns)
    for column, about in columns.items():
        _refuse_others(
            f"column {table}.{column}",
            about,
            *("type", "collation", "nullability", "default", "generated"),
            *("options", "statistics", "comment"),
        )
        words = [f"{ident(column):{width}} {column_type(about['type'])}"]
        if "collation" in about:
            words.append(f"COLLATE {about['collation']}")
        if ident(column) == key:
            words.append("PRIMARY KEY")
        elif "nullability" in about:
            words.append(about["nullability"])
        if "default" in about:
            words.append(f"DEFAULT {default(about['default'], about['type'])}")
        if "generated" in about:
            value, stored = about["generated"].rsplit(" ", 1)
            words.append(f"GENERATED ALWAYS AS ({expression(value)}) {stored}")
        yield " ".join(words)


def _is_plain_primary_key(table: str, constraint: str, about: Properties) -> bool:
    """Whether `PRIMARY KEY` after the column gives exactly the same constraint."""
    plain = re.fullmatch(r"PRIMARY KEY \(\w+\)", about["definition"])
    return bool(plain) and constraint == f"{table}_pkey"


def _constraint_order(item: tuple[str, Properties]) -> tuple[int, str]:
    name, about = item
    for place, kind in enumerate(_CONSTRAINT_ORDER):
        if about["definition"].startswith(kind):
            return place, name
    return len(_CONSTRAINT_ORDER), name


def _constraint(name: str, definition: str) -> str:
    """A constraint as a line of CREATE TABLE; a foreign key and a long check have two lines."""
    definition = re.sub(
        r" REFERENCES (\S+?)\(", r"\n        REFERENCES \1 (", expression(definition)
    )
    line = f"CONSTRAINT {ident(name)} {definition}"
    return line.replace(" CHECK ", "\n        CHECK ", 1) if len(line) > _WIDTH else line


def _comment(target: str, about: Properties) -> Iterator[str]:
    if "comment" in about:
        yield f"COMMENT ON {target} IS {literal(about['comment'])};"


def _refuse_others(what: str, properties: Properties, *known: str) -> None:
    """Raise `ExportError` for a property that the SQL would lose."""
    if others := sorted(properties.keys() - set(known)):
        raise ExportError(f"{what}: export_schema cannot write {', '.join(others)} yet")
