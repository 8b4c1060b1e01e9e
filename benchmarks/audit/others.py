"""Runs splinter, pg-index-health, squawk and tbls on a database; returns their findings by rule."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg import sql

type Findings = dict[str, set[str]]

#: The rules of tbls, by their messages.
TBLS = {
    "foreign key columns do not have an index": "requireForeignKeyIndex",
    "duplicate relations": "duplicateRelations",
}


def splinter(url: str, schema: str, text: str) -> Findings:
    """Return the objects found, by lint. A lint that needs Supabase's roles is left out."""
    found: Findings = defaultdict(set)
    body = text.partition(";")[2].strip().removesuffix(";").replace("\\`", "`")
    for _, rows in _asked(url, [("splinter", lint) for lint in re.split(r"\nunion all\n", body)]):
        for row in rows:
            if row["metadata"]["schema"] == schema:
                found[row["name"]] |= _of_splinter(row["metadata"])
    return found


def _of_splinter(metadata: dict[str, object]) -> set[str]:
    """Return the objects of a lint, as the audit names them: of duplicate indexes, all but one."""
    where = f"{metadata['schema']}.{metadata['name']}"
    if indexes := metadata.get("indexes"):
        return {f"{metadata['schema']}.{name}" for name in indexes[1:]}  # type: ignore[index]
    return {f"{where}.{metadata['fkey_name']}" if "fkey_name" in metadata else where}


def health(url: str, schema: str, directory: Path, named: set[str]) -> Findings:
    """Return the objects found, by file of pg-index-health-sql.

    If a row has several indexes, return the one that the audit found too: it is in `named`.
    """
    found: Findings = defaultdict(set)
    values = {"schema_name_param": schema, "remaining_percentage_threshold": 20}
    texts = [
        (path.stem, re.sub(
            rf"(?<!:):({'|'.join(values)})\b",
            lambda name: sql.Literal(values[name[1]]).as_string(),
            path.read_text(),
        ))
        for path in sorted(directory.glob("*.sql"))
        # These are about bloat, and need a threshold.
        if not path.stem.startswith("bloated")
    ]  # fmt: skip
    for name, rows in _asked(url, texts):
        found[name] = {_of_health(row, named) for row in rows}
    return found


def _of_health(row: dict[str, object], named: set[str]) -> str:
    for together in ("duplicated_indexes", "intersected_indexes"):
        if together in row:
            indexes = re.findall(r"idx=([^,]+)", str(row[together]))
            return next((index for index in indexes if index in named), indexes[0])
    for part in ("constraint_name", "column_name"):
        if part in row and "index_name" not in row:
            return f"{row['table_name']}.{row[part]}"
    return str(next(row[key] for key in ("index_name", "sequence_name", *row) if key in row))


def _asked(url: str, texts: list[tuple[str, str]]) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Return the rows of each query. A query that this server refuses is printed and left out."""
    with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as connection:
        for name, text in texts:
            try:
                with connection.transaction(force_rollback=True):
                    connection.execute("SET LOCAL search_path = ''")
                    rows = connection.execute(text.encode()).fetchall()
            except psycopg.Error as error:
                print(f"{name}, left out: {str(error).splitlines()[0]}")
                continue
            yield name, rows


def squawk(url: str, schema: str, pg_dump: str) -> Findings:
    """Return the columns found in pg_dump's output, by rule; for other statements, the line."""
    with TemporaryDirectory(prefix="bench-audit-") as directory:
        path = Path(directory) / "schema.sql"
        subprocess.run(
            [pg_dump, "--schema-only", "--schema", schema, "--file", path, url], check=True
        )
        done = subprocess.run(
            [Path(sys.executable).with_name("squawk"), "--reporter", "json", path],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = path.read_text().splitlines()
    places, table = [], ""
    for number, line in enumerate(lines):
        if begun := re.match(r"CREATE \w*\s?TABLE (\S+) \(", line):
            table = begun[1]
        column = re.match(r"    (\S+) ", line) if table else None
        places.append(f"{table}.{column[1]}" if column else f"line {number + 1}")
        table = "" if line.startswith(")") else table
    found: Findings = defaultdict(set)
    for each in json.loads(done.stdout):
        found[each["rule_name"]].add(places[each["line"]])
    return found


def tbls(said: str, schema: str) -> Findings:
    """Read the output of `tbls lint` for one schema: `public.plays.user_id: foreign key …`."""
    found: Findings = defaultdict(set)
    for where, what in re.findall(r"^(\S+): ([^.\[]+)", said, re.MULTILINE):
        if (rule := TBLS.get(what.strip())) and where.startswith(f"{schema}."):
            found[rule].add(where)
    return found
