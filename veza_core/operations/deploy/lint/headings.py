"""The headings of docs/changing.md for refusals of `lint_migrations`."""

PAGE = "docs/changing.md"

ADD_COLUMN = "Add a column"
DEFAULT = "Add a column with a default"
NOT_NULL_COLUMN = "Add a column with NOT NULL"
SET_NOT_NULL = "Set NOT NULL on a column"
DROP_NOT_NULL = "Drop NOT NULL or a default"
RENAME = "Rename a column or a table"
TYPE = "Change a type"
SPLIT = "Split a table"
TABLE = "Add a table"
ENUM_VALUE = "Add a value to an enum type"
RETIRE_VALUE = "Retire a value of an enum type"
INDEX = "Add an index"
DROP_INDEX = "Drop an index"
CHECK = "Add a check or a unique constraint"
FOREIGN_KEY = "Add a foreign key"
FILL = "Fill rows"
DROP_COLUMN = "Drop a column"
DROP_TABLE = "Drop a table"
NO_TRANSACTION = "Migrations without a transaction"
ELSE = "What else is refused"

#: The heading for each rule of squawk. Rules that are not here have a general one.
OF_SQUAWK = {
    "adding-field-with-default": DEFAULT,
    "adding-required-field": NOT_NULL_COLUMN,
    "adding-serial-primary-key-field": DEFAULT,
    "adding-foreign-key-constraint": FOREIGN_KEY,
    "ban-concurrent-index-creation-in-transaction": NO_TRANSACTION,
    "ban-drop-default": DROP_NOT_NULL,
    "ban-drop-not-null": DROP_NOT_NULL,
    "constraint-missing-not-valid": CHECK,
    "disallowed-unique-constraint": CHECK,
    "renaming-column": RENAME,
    "renaming-object": RENAME,
    "renaming-table": RENAME,
    "require-concurrent-index-creation": INDEX,
    "require-concurrent-index-deletion": DROP_INDEX,
    "require-concurrent-reindex": INDEX,
    "syntax-error": ELSE,
}


def anchor(heading: str) -> str:
    """The link to a heading of the page, with GitHub's anchor."""
    return f"{PAGE}#{heading.lower().replace(' ', '-')}"
