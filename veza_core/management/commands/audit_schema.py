"""`manage.py audit_schema`: does this database, or any other, follow the Standard?"""

import os
import shutil
import sys
from argparse import ArgumentParser
from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import DatabaseError, connections

from veza_core.db.url import connection_parameters
from veza_core.errors import clear_line
from veza_core.management.arguments import some_path, some_text
from veza_core.management.exit_status import COULD_NOT_RUN, FINDINGS, FindingsCommand
from veza_core.schema.audit import pages, reporters
from veza_core.schema.audit.baseline import read_baseline
from veza_core.schema.audit.engine import AuditReport, audit
from veza_core.schema.audit.exceptions import ExceptionsError, read_exceptions
from veza_core.schema.audit.profiles import Profile
from veza_core.schema.audit.rule import Rule
from veza_core.schema.audit.rules import ALL_RULES, RUN_RULES
from veza_core.schema.audit.service import connect, own_exceptions
from veza_core.schema.audit.session import AuditError

#: Wide enough for a name and a sentence, if there is no terminal.
PIPED_WIDTH = 120


class Command(FindingsCommand):
    """Parses, audits, prints. Exit 0: clean. 1: findings. 2: could not run, for any reason."""

    help = (
        "Audits the live catalog of this database, or of any PostgreSQL with --url: read-only, in "
        "one snapshot. Exit status: 0 clean, 1 findings, 2 could not run."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        target = parser.add_mutually_exclusive_group()
        target.add_argument(
            "--url", type=some_text, help="Another database: postgresql://user@host/database."
        )
        target.add_argument(
            "--database", type=some_text, default="default", help="An entry of DATABASES."
        )
        parser.add_argument(
            "--schema",
            type=some_text,
            action="append",
            metavar="SCHEMA",
            help="A schema to audit; may be repeated (default: public).",
        )
        parser.add_argument(
            "--rule",
            type=some_text,
            action="append",
            metavar="RULE",
            help="Check only this rule; may be repeated.",
        )
        parser.add_argument(
            "--exclude-rule",
            type=some_text,
            action="append",
            metavar="RULE",
            help="Check all rules except this one; may be repeated.",
        )
        parser.add_argument(
            "--fail-on",
            choices=("error", "warning", "none"),
            default="warning",
            help="The lowest severity that causes exit status 1 (default: warning).",
        )
        parser.add_argument(
            "--baseline",
            type=some_path,
            metavar="FILE",
            help="Report only findings that are not in this file, an output of --format json "
            "without --baseline.",
        )
        parser.add_argument(
            "--exceptions",
            type=some_path,
            metavar="FILE",
            help="The reviewed exceptions (default: schema_audit.toml, unless --url is given).",
        )
        parser.add_argument(
            "--profile",
            choices=[profile.value for profile in Profile],
            help="Which rules apply: those for this project's databases, for any database with "
            "UUID keys, or for any database (default: chosen by the database).",
        )
        output = parser.add_mutually_exclusive_group()
        output.add_argument("--format", choices=reporters.FORMATS, default="table")
        output.add_argument(
            "--fix-sql",
            action="store_const",
            const="sql",
            dest="format",
            help="Short for --format sql: a script for psql that applies the fixes.",
        )
        output.add_argument(
            "--explain", type=some_text, metavar="RULE", help="Describe this rule, and exit."
        )
        output.add_argument("--list-rules", action="store_true", help="List the rules, and exit.")
        output.add_argument(
            "--write-pages", type=some_path, metavar="DIRECTORY", help="Write docs/rules, and exit."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["explain"]:
            [rule] = self._rules([options["explain"]])
            self.stdout.write(pages.page(rule), ending="")
        elif options["list_rules"]:
            width = max(len(rule.id) for rule in ALL_RULES)
            lines = [f"{rule.id:{width}}  {rule.severity:7}  {rule.title}" for rule in ALL_RULES]
            self.stdout.write("\n".join(lines))
        elif options["write_pages"]:
            pages.write_pages(options["write_pages"])
        else:
            self._audit(options)

    def _audit(self, options: dict[str, Any]) -> None:
        rules = self._rules(options["rule"]) if options["rule"] else ALL_RULES
        excluded = self._rules(options["exclude_rule"] or [])
        rules = tuple(rule for rule in rules if rule not in excluded)
        if not rules:
            raise self._error("--exclude-rule leaves no rule to run")
        # A rule that is given by name runs on any database.
        default = Profile.VEZA if options["rule"] else None
        path = options["exceptions"]
        try:
            accepted = read_baseline(options["baseline"]) if options["baseline"] else frozenset()
            exceptions = None if options["url"] is not None else own_exceptions()
            if path is not None:
                exceptions = read_exceptions(path, ALL_RULES)
            with self._connect(options) as connection:
                report = audit(
                    connection,
                    options["schema"] or ["public"],
                    [rule for rule in rules if rule in RUN_RULES],
                    exceptions=exceptions,
                    profile=Profile(options["profile"]) if options["profile"] else default,
                )
        except (AuditError, ExceptionsError, ImproperlyConfigured) as error:
            raise self._error(error) from error
        except (psycopg.Error, DatabaseError) as error:
            reason = clear_line(error) or error
            raise self._error(f"the database cannot be audited: {reason}") from error
        report = report.without(accepted)
        self.stdout.write(self._render(report, options), ending="")
        counts = {"error": report.errors, "warning": len(report.findings), "none": 0}
        if counts[options["fail_on"]]:
            sys.exit(FINDINGS)

    def _connect(self, options: dict[str, Any]) -> psycopg.Connection[Any]:
        """Open a separate connection, because the audit needs its own transaction."""
        if options["url"] is not None:
            if not options["url"].strip():
                raise self._error("--url is empty")
            parameters = connection_parameters(options["url"], name="--url")
            # A pooler in between may not support prepared statements.
            others: dict[str, Any] = {"client_encoding": "UTF8", "prepare_threshold": None}
            return psycopg.connect(**{**parameters, **others})
        alias = options["database"]
        if alias not in connections:
            raise self._error(f"there is no database {alias} in DATABASES")
        return connect(connections[alias])

    def _rules(self, ids: list[str]) -> tuple[Rule, ...]:
        known = {rule.id for rule in ALL_RULES}
        for rule_id in ids:
            if rule_id not in known:
                raise self._error(f"there is no rule {rule_id}: --list-rules names them")
        return tuple(rule for rule in ALL_RULES if rule.id in ids)

    def _render(self, report: AuditReport, options: dict[str, Any]) -> str:
        if options["format"] != "table":
            return reporters.render(report, options["format"])
        # Imported here, because only this format needs rich, which takes long to import.
        from veza_core.schema.audit.reporters import table

        terminal = self.stdout.isatty()
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        colour = options["force_color"] or (terminal and not plain and not options["no_color"])
        width = shutil.get_terminal_size((PIPED_WIDTH, 0)).columns
        return table.render(report, width=width, colour=bool(colour))

    @staticmethod
    def _error(message: object) -> CommandError:
        return CommandError(" ".join(str(message).split()), returncode=COULD_NOT_RUN)
