"""The page of each rule, for docs/rules and for `--explain`, made from the rule itself."""

from inspect import getdoc
from pathlib import Path

from veza_core.schema.audit.effects import effect
from veza_core.schema.audit.rule import Rule
from veza_core.schema.audit.rules import ALL_RULES

#: What other tools report and this one does not, each with the reason.
LEFT_OUT = {
    "Indexes that nobody uses": (
        "`pg_stat_user_indexes` counts the scans of one server since its last reset. An index "
        "that only a replica, a monthly report or a purge needs may have none."
    ),
    "Bloat, dead rows, sequential scans, cache hits": (
        "They depend on the load at the moment, not on the schema. For alerts, see `manage.py "
        "status` and the monitoring in docs/operations.md."
    ),
    "Tables without row level security": (
        "It protects tables that people query directly. Here, people use services. If it is "
        "incomplete, it is reported: `policy-without-rls`, `rls-without-policy`."
    ),
    "Columns that a query may need an index for": (
        "Only the queries show that. Foreign keys and feeds always need one, and are reported."
    ),
    "Indexes on booleans, on nullable columns, or that begin with the primary key": (
        "Each serves some query: the few rows with true, those with NULL, an index-only scan."
    ),
    "Tables of many columns or many indexes, empty tables": (
        "The number alone does not show a problem."
    ),
    "varchar in place of text, enum types in place of tables": (
        "Each is right in some cases, and a change helps neither data nor services. Only "
        "`type-varchar-unbounded` is reported."
    ),
    "Cycles of foreign keys, nullable foreign keys": (
        "Neither breaks anything. What a delete does with them is reported: `fk-on-delete`, "
        "`fk-set-null-not-null`."
    ),
}


def page(rule: Rule) -> str:
    """The text of a rule as Markdown."""
    language = "toml" if rule.group == "exceptions" else "sql"
    detail = getdoc(rule.check) if rule.check is not None else None
    parts = [
        f"# {rule.id}: {rule.title}",
        f"Severity: {rule.severity.value}. Group: {rule.group}.",
        "## Why",
        rule.reason,
        *(["## What counts", detail] if detail else []),
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
    """The text of every page, by file name."""
    return {"README.md": index(), **{f"{rule.id}.md": page(rule) for rule in ALL_RULES}}


def write_pages(directory: Path) -> None:
    """Write all pages, and delete those of rules that no longer exist."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = pages()
    for old in directory.glob("*.md"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")
