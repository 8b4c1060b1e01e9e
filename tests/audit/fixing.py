"""Helpers for tests of the printed SQL: an audit, and a database with every rule's example."""

import psycopg

from veza_core.schema.audit.engine import audit
from veza_core.schema.audit.rules import CATALOG_RULES
from veza_core.schema.quoting import ident

#: Its example creates a role, which belongs to the whole server.
WITH_A_ROLE = ("owner-differs",)

EXAMPLES = [rule for rule in CATALOG_RULES if rule.id not in WITH_A_ROLE]


def report(url, *schemas, rules=CATALOG_RULES):
    with psycopg.connect(url) as connection:
        return audit(connection, schemas or ("public",), rules)


def objects(found):
    return {(each.rule.id, each.object) for each in found.findings}


def fixes(found):
    return {(each.rule.id, each.object): each.fix for each in found.findings if each.fix}


def execute(url, *statements):
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def one(scratch, rule, name):
    """The finding of this rule on this object."""
    [found] = [each for each in scratch.findings() if (each.rule.id, each.object) == (rule, name)]
    return found


def load_examples(url):
    """Create a schema for each rule's bad example; return the schemas' names."""
    schemas = ["public"]
    with psycopg.connect(url) as connection:
        for rule in EXAMPLES:
            if rule.group != "governance":
                schemas.append(rule.id)
                connection.execute(f"CREATE SCHEMA {ident(rule.id)}")
            connection.execute(f"SET LOCAL search_path = {ident(schemas[-1])}, public")
            connection.execute(rule.bad)
            connection.commit()
    return schemas
