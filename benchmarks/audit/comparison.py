"""Compares the findings of the audit in a database with those of five other tools.

    python -m benchmarks.audit.comparison URL --schema public --splinter splinter.sql --health sql/

`splinter.sql` is the file of the repository supabase/splinter, `sql/` the directory of
mfvanek/pg-index-health-sql. schemalint comes from npm. squawk reads the output of pg_dump. `--tbls`
is a file with the output of `tbls lint`. The database does not change. Objects are compared by
table, constraint, index or column.
"""

import argparse
import os
import re
from collections import defaultdict
from pathlib import Path

import django
import psycopg
from psycopg.conninfo import conninfo_to_dict

import benchmarks  # noqa: F401 - it reads `.env`
from benchmarks.audit.others import Findings, health, splinter, squawk, tbls
from benchmarks.audit.schemalint import RULES as OF_SCHEMALINT
from benchmarks.audit.schemalint import Schemalint

#: Splinter's lints with the same subject as one of our rules.
OF_SPLINTER = {
    "unindexed_foreign_keys": ["fk-not-indexed"],
    "no_primary_key": ["pk-missing"],
    "duplicate_index": ["index-duplicate"],
    "function_search_path_mutable": ["function-search-path"],
    "policy_exists_rls_disabled": ["policy-without-rls"],
    "rls_enabled_no_policy": ["rls-without-policy"],
    "extension_versions_outdated": ["extension-outdated"],
}
TIMES = ["timestamps-type", "timestamp-without-time-zone", "deleted-at-type"]
SCHEMALINT = OF_SCHEMALINT | {"prefer-timestamptz-to-timestamp": TIMES}
#: pg-index-health's checks, by the name of the file, with the same subject as one of our rules.
OF_HEALTH = {
    "foreign_keys_without_index": ["fk-not-indexed"],
    "tables_without_primary_key": ["pk-missing"],
    "duplicated_indexes": ["index-duplicate"],
    "intersected_indexes": ["index-redundant"],
    "invalid_indexes": ["index-invalid"],
    "btree_indexes_on_array_columns": ["index-method"],
    "columns_with_char_type": ["type-char"],
    "columns_with_json_type": ["type-json"],
    "columns_with_money_type": ["type-money"],
    "columns_with_timestamp_or_timetz_type": [*TIMES, "type-timetz"],
    "columns_with_inconsistent_types": ["type-differs"],
    "duplicated_foreign_keys": ["fk-duplicate"],
    "foreign_keys_with_unmatched_column_type": ["fk-type-mismatch"],
    "not_valid_constraints": ["fk-not-valid", "check-not-valid"],
    "sequence_overflow": ["key-near-end"],
}
OF_SQUAWK = {"prefer-timestamp-tz": TIMES, "ban-char-field": ["type-char"]}
OF_TBLS = {"requireForeignKeyIndex": ["fk-not-indexed"], "duplicateRelations": ["fk-duplicate"]}
SHOWN = 3


def main() -> None:
    """Print a line for each subject that both the audit and another tool check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--schema", default="public")
    parser.add_argument("--splinter", type=Path)
    parser.add_argument("--health", type=Path)
    parser.add_argument("--pg-dump", help="of the server's version or newer; for squawk")
    parser.add_argument("--tbls", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    django.setup()
    url, schema = options.url, options.schema
    ours = audited(url, schema)
    if options.splinter:
        theirs = splinter(url, schema, options.splinter.read_text())
        compare("splinter", OF_SPLINTER, ours, theirs)
    if options.health:
        named = ours["index-duplicate"] | ours["index-redundant"]
        compare("pg-index-health", OF_HEALTH, ours, health(url, schema, options.health, named))
    compare("schemalint", SCHEMALINT, ours, schemalint(url, schema))
    if options.pg_dump:
        compare("squawk", OF_SQUAWK, ours, squawk(url, schema, options.pg_dump))
    if options.tbls:
        # tbls names the column, and the audit names the constraint.
        theirs = tbls(options.tbls.read_text(), schema)
        compare("tbls", OF_TBLS, with_columns(url, ours), theirs)
    print(f"rules that no other tool has: {alone(ours)}")


def audited(url: str, schema: str) -> Findings:
    """Return what the audit finds in the profile that it chooses, by rule.

    Functions are without their arguments.
    """
    from veza_core.schema.audit.engine import audit
    from veza_core.schema.audit.rules import CATALOG_RULES

    found: Findings = defaultdict(set)
    with psycopg.connect(url) as connection:
        for finding in audit(connection, [schema], CATALOG_RULES, profile=None).findings:
            found[finding.rule.id].add(finding.object.split("(")[0])
    return found


def schemalint(url: str, schema: str) -> Findings:
    """Return the objects that schemalint finds, by its rule."""
    parts = conninfo_to_dict(url)
    place = {key: str(parts[key]) for key in ("host", "port", "user", "password") if key in parts}
    found: Findings = defaultdict(set)
    with Schemalint() as tool:
        tool.install()
        _, _, said = tool.run({**place, "database": str(parts["dbname"])}, schema)
    for where, rule in re.findall(r"^([^:\n]+): error ([a-z-]+)", said, re.MULTILINE):
        found[rule].add(where)
    return found


def with_columns(url: str, ours: Findings) -> Findings:
    """Replace the audit's foreign keys by their columns, for the two rules that tbls has too."""
    query = """
        SELECT format('%s.%I', conrelid::regclass, conname),
               format('%s.%I', conrelid::regclass, a.attname)
        FROM pg_constraint JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = ANY (conkey)
        WHERE contype = 'f'
    """
    found: Findings = defaultdict(set)
    with psycopg.connect(url, options="-c search_path=") as connection:
        for constraint, column in connection.execute(query):
            for rule in ("fk-not-indexed", "fk-duplicate"):
                found[rule] |= {column} if constraint in ours[rule] else set()
    return found


def compare(tool: str, pairs: dict[str, list[str]], ours: Findings, theirs: Findings) -> None:
    """Print how many objects both have, and which objects only one of them has."""
    print(f"{tool:<32} {'both':>5} {'audit alone':>12} {'it alone':>9}")
    for name, rules in pairs.items():
        # Some tools quote more names than PostgreSQL needs.
        own = {each.replace('"', "") for rule in rules for each in ours[rule]}
        other = {each.replace('"', "") for each in theirs[name]}
        only, missed = sorted(own - other), sorted(other - own)
        print(f"{name:<32} {len(own & other):>5} {len(only):>12} {len(missed):>9}")
        for who, names in (("audit", only), ("it", missed)):
            if names:
                print(f"    {who} alone: {', '.join(names[:SHOWN])}")


def alone(ours: Findings) -> str:
    """Return the rules that no other tool has, with the number of their findings."""
    tools = (OF_SPLINTER, OF_HEALTH, SCHEMALINT, OF_SQUAWK, OF_TBLS)
    shared = {rule for tool in tools for rules in tool.values() for rule in rules}
    left = {rule: len(found) for rule, found in ours.items() if found and rule not in shared}
    return ", ".join(f"{rule} {number}" for rule, number in sorted(left.items())) or "none"


if __name__ == "__main__":
    main()
