"""What the audit finds in a database, beside splinter and schemalint: what each finds alone.

    python -m benchmarks.audit.beside URL --schema public --splinter splinter.sql

`splinter.sql` is the file of the repository supabase/splinter; schemalint comes from npm. It only
reads. Objects are compared by table, constraint or column.
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
from benchmarks.audit.schemalint import RULES as OF_SCHEMALINT
from benchmarks.audit.schemalint import Schemalint

#: Splinter's lints that ask what a rule of ours asks.
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
SHOWN = 3

type Findings = dict[str, set[str]]


def main() -> None:
    """Print a line for each subject that two of them have."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--schema", default="public")
    parser.add_argument("--splinter", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    django.setup()
    ours = audited(options.url, options.schema)
    if options.splinter:
        theirs = splinter(options.url, options.schema, options.splinter.read_text())
        compare("splinter", OF_SPLINTER, ours, theirs)
    compare("schemalint", SCHEMALINT, ours, schemalint(options.url, options.schema))
    print(f"rules of neither: {alone(ours)}")


def audited(url: str, schema: str) -> Findings:
    """Objects by rule, of the profile that fits; functions without their arguments."""
    from veza_core.schema.audit.engine import audit
    from veza_core.schema.audit.rules import CATALOG_RULES

    found: Findings = defaultdict(set)
    with psycopg.connect(url) as connection:
        for finding in audit(connection, [schema], CATALOG_RULES, profile=None).findings:
            found[finding.rule.id].add(finding.object.split("(")[0])
    return found


def splinter(url: str, schema: str, text: str) -> Findings:
    """Objects by lint. One that needs roles of Supabase's says so, and is left out."""
    found: Findings = defaultdict(set)
    body = text.partition(";")[2].strip().removesuffix(";").replace("\\`", "`")
    with psycopg.connect(url) as connection:
        for lint in re.split(r"\nunion all\n", body):
            try:
                with connection.transaction(force_rollback=True):
                    connection.execute("SET LOCAL search_path = ''")
                    rows = connection.execute(lint.encode()).fetchall()
            except psycopg.Error as error:
                print(f"splinter, left out: {str(error).splitlines()[0]}")
                continue
            for name, *_, metadata, _ in rows:
                if metadata["schema"] == schema:
                    found[name] |= named(metadata)
    return found


def named(metadata: dict[str, object]) -> set[str]:
    """What a lint of splinter's is about, as the audit names it; one index of two stays."""
    where = f"{metadata['schema']}.{metadata['name']}"
    if indexes := metadata.get("indexes"):
        return {f"{metadata['schema']}.{name}" for name in indexes[1:]}  # type: ignore[index]
    return {f"{where}.{metadata['fkey_name']}" if "fkey_name" in metadata else where}


def schemalint(url: str, schema: str) -> Findings:
    """Objects by rule."""
    parts = conninfo_to_dict(url)
    place = {key: str(parts[key]) for key in ("host", "port", "user", "password") if key in parts}
    found: Findings = defaultdict(set)
    with Schemalint() as tool:
        tool.install()
        _, _, said = tool.run({**place, "database": str(parts["dbname"])}, schema)
    for where, rule in re.findall(r"^([^:\n]+): error ([a-z-]+)", said, re.MULTILINE):
        found[rule].add(where)
    return found


def compare(tool: str, pairs: dict[str, list[str]], ours: Findings, theirs: Findings) -> None:
    """Print how many objects both have, and which one of them alone has."""
    print(f"{tool:<32} {'both':>5} {'audit alone':>12} {'it alone':>9}")
    for name, rules in pairs.items():
        own, other = set().union(*(ours[rule] for rule in rules)), theirs[name]
        only, missed = sorted(own - other), sorted(other - own)
        print(f"{name:<32} {len(own & other):>5} {len(only):>12} {len(missed):>9}")
        for who, names in (("audit", only), ("it", missed)):
            if names:
                print(f"    {who} alone: {', '.join(names[:SHOWN])}")


def alone(ours: Findings) -> str:
    """The rules that no other tool has, with the number of their findings."""
    shared = {rule for rules in (OF_SPLINTER | SCHEMALINT).values() for rule in rules}
    left = {rule: len(found) for rule, found in ours.items() if found and rule not in shared}
    return ", ".join(f"{rule} {number}" for rule, number in sorted(left.items())) or "none"


if __name__ == "__main__":
    main()
