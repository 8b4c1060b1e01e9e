"""The page of each rule, for docs/rules and for `--explain`, out of the rule itself."""

from inspect import getdoc
from pathlib import Path

from veza_core.schema.audit.effects import effect
from veza_core.schema.audit.rule import Rule
from veza_core.schema.audit.rules import ALL_RULES

#: What other tools report and this one does not, each with the reason.
LEFT_OUT = {
    "Indexes that nobody uses": (
        "`pg_stat_user_indexes` counts the scans of one server since its last reset. An index "
        "for a replica, a report at the end of the month or a purge has none, and is needed."
    ),
    "Bloat, dead rows, sequential scans, cache hits": (
        "They are of the load and of the moment, not of the schema. `manage.py status` and "
        "the monitoring of docs/operations.md have what to alert on."
    ),
    "Tables without row level security": (
        "It protects tables that people reach by SQL themselves. Here services stand between. "
        "Half of it is reported: `policy-without-rls`, `rls-without-policy`."
    ),
    "Columns that a query may need an index for": (
        "Only the queries know. What PostgreSQL itself asks for, foreign keys and feeds, is "
        "reported."
    ),
    "Indexes on booleans, on nullable columns, or that begin with the primary key": (
        "Each serves some query: the few true rows, NULL itself, a scan that reads the index alone."
    ),
    "Tables of many columns or many indexes, empty tables": ("A number that nobody can decide by."),
    "varchar in place of text, enum types in place of tables": (
        "Both are right somewhere, and changing one for the other does nothing for data or "
        "services. `type-varchar-unbounded` stays."
    ),
    "Cycles of foreign keys, nullable foreign keys": (
        "Neither breaks anything. What a delete does with them is reported: `fk-on-delete`, "
        "`fk-set-null-not-null`."
    ),
}


def page(rule: Rule) -> str:
    """Return all that the rule says, as Markdown."""
    language = "sql" if rule.check is not None else "toml"
    detail = getdoc(rule.check) if rule.check is not None else None
    parts = [
        f"# {rule.id}: {rule.title}",
        f"Severity: {rule.severity.value}. Group: {rule.group}.",
        "## Why",
        rule.reason,
        *(["## Exactly", detail] if detail else []),
        "## Remedy",
        rule.remedy,
        "## Bad",
        f"```{language}\n{rule.bad}\n```",
        f"Found at `{rule.example}`.",
        *_fix(rule),
        "## Good",
        f"```{language}\n{rule.good}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _fix(rule: Rule) -> list[str]:
    """The SQL for the bad example, with what each statement does to a running service."""
    if not rule.fix:
        return []
    lines = []
    for statement in rule.fix.split(";\n"):
        statement = f"{statement.removesuffix(';')};"
        lines.append(f"-- {effect(statement)}.\n{statement}")
    text = "\n".join(lines)
    clients = rule.changes or "nothing changes."
    return ["## The SQL", f"```sql\n{text}\n```", f"For clients: {clients}"]


def index() -> str:
    """Return the list of all rules, as Markdown."""
    lines = [
        "# The rules of audit_schema",
        "",
        "Made from the rules by `make rule-pages`.",
        "",
        "| Rule | Severity | Group | Finds |",
        "| :--- | :--- | :--- | :--- |",
    ]
    lines += [
        f"| [{rule.id}]({rule.id}.md) | {rule.severity.value} | {rule.group} | {rule.title} |"
        for rule in ALL_RULES
    ]
    lines += ["", "## What is not reported, and why", ""]
    lines += [f"- **{what}.** {why}" for what, why in LEFT_OUT.items()]
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Return the text of every page by its file name."""
    return {"README.md": index(), **{f"{rule.id}.md": page(rule) for rule in ALL_RULES}}


def write_pages(directory: Path) -> None:
    """Write all pages, and delete those of rules that are gone."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = pages()
    for old in directory.glob("*.md"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")
