"""Every word of docs/schema.md is tested: its notation is parsed, and its prose is quoted."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.schema import contract
from tests.schema.contract import parse
from tests.schema.notation import ContractError
from tests.schema.shape import Column

proves = pytest.mark.proves
TESTS = Path(__file__).parents[1]

#: Titles, and advice to authors, which no query can test.
GUIDANCE = [
    "The V1 schema, table by table",
    "The Standard",
    "Storage",
    "[ADR 5](adr/0005-indexes-of-the-hot-queries.md) says what they are for.",
    "Details of these rules:",
    "If a detail is not on this page, choose what those clients would expect, and follow the "
    "Standard below.",
]

EXAMPLE = """
| type | values |
|---|---|
| `mood` | good, bad |

**things** (soft)
owner_id → users C; helper_id → users N; mood mood = good (of late);
name VARCHAR(20)?, check 3 characters or more; tags TEXT[] = {};
a INTEGER, b NUMERIC(5,2) = 0, checks > 0 and 0 to 9; seen_at TIMESTAMPTZ = CURRENT_TIMESTAMP;
twice INTEGER? generated as a * 2; at TIME[]; share FLOAT; days DATERANGE?.
unique(owner_id, name); idx(helper_id, seen_at DESC) WHERE mood = 'bad'
(for the bad days); for search: trigram on upper(name); idx(a) WHERE a IS NOT NULL.
trigger tally AFTER INSERT: count_it().
CREATE INDEX things_days_excl ON things USING gist (days).
CONSTRAINT things_days_excl EXCLUDE USING gist (days WITH &&).
(A remark.)
"""


@proves(
    "Notation below: `?` nullable; `= x` default; `generated as x` generated column; `→ t` foreign "
    "key, `C` ON DELETE CASCADE (owned by), `N` ON DELETE SET NULL (refers to, hence nullable). "
    "`id`, `created_at`, `updated_at` are not repeated. `unique(…)` on a soft table is always "
    "partial on `deleted_at IS NULL`. `trigger t AFTER INSERT: f()` is a trigger for each row, in "
    "addition to those of rules 2 and 4. An index of another kind, or an exclusion constraint, is "
    "written as PostgreSQL writes it: `CREATE INDEX …`, `CONSTRAINT name EXCLUDE …`.",
)
def test_notation():
    read = parse(EXAMPLE)
    table = read.tables["things"]
    assert table.triggers["tally"] == (
        "CREATE TRIGGER tally AFTER INSERT ON things FOR EACH ROW EXECUTE FUNCTION count_it()"
    )
    time = "timestamp with time zone"
    assert table.columns == {
        "id": Column("uuid", False, "gen_random_uuid()"),
        "owner_id": Column("uuid", False),
        "helper_id": Column("uuid", True),
        "mood": Column("mood", False, "'good'::mood"),
        "name": Column("character varying(20)", True),
        "tags": Column("text[]", False, "'{}'::text[]"),
        "a": Column("integer", False),
        "b": Column("numeric(5,2)", False, "0"),
        "seen_at": Column(time, False, "CURRENT_TIMESTAMP"),
        "twice": Column("integer", True, "a * 2 GENERATED ALWAYS"),
        "at": Column("time without time zone[]", False),
        "share": Column("double precision", False),
        "days": Column("daterange", True),
        "created_at": Column(time, False, "CURRENT_TIMESTAMP"),
        "updated_at": Column(time, False, "CURRENT_TIMESTAMP"),
        "deleted_at": Column(time, True),
    }
    assert table.constraints == {
        "things_pkey": "PRIMARY KEY (id)",
        "things_owner_id_fkey": "FOREIGN KEY (owner_id) REFERENCES users(id) ON DELETE CASCADE",
        "things_helper_id_fkey": "FOREIGN KEY (helper_id) REFERENCES users(id) ON DELETE SET NULL",
        "chk_things_name_length": "CHECK (length(name::text) >= 3)",
        "chk_things_a": "CHECK (a > 0)",
        "things_days_excl": "EXCLUDE USING gist (days WITH &&)",
        "chk_things_b": "CHECK (b >= 0::numeric AND b <= 9::numeric)",
    }
    assert table.indexes == {
        "things_pkey": "CREATE UNIQUE INDEX things_pkey ON things USING btree (id)",
        "idx_things_owner_id_name": "CREATE UNIQUE INDEX idx_things_owner_id_name ON things "
        "USING btree (owner_id, name) WHERE deleted_at IS NULL",
        "idx_things_helper_id_seen_at": "CREATE INDEX idx_things_helper_id_seen_at ON things "
        "USING btree (helper_id, seen_at DESC) WHERE mood = 'bad'::mood",
        "idx_things_a": "CREATE INDEX idx_things_a ON things USING btree (a) WHERE a IS NOT NULL",
        "idx_things_deleted_at": "CREATE INDEX idx_things_deleted_at ON things "
        "USING btree (deleted_at) WHERE deleted_at IS NOT NULL",
        "things_days_excl": "CREATE INDEX things_days_excl ON things USING gist (days)",
        "idx_things_name_trgm": "CREATE INDEX idx_things_name_trgm ON things "
        "USING gin (upper(name::text) gin_trgm_ops)",
    }
    assert read.notes == {("things", "mood"): "of late"}
    assert read.prose == ["for the bad days", "(A remark.)"]


def changes(text: str) -> list[tuple[int, int, str]]:
    """A change of every word and sign of the notation: start, end, and the replacement."""
    words = [(m.start(), m.end(), m[0] + "x") for m in re.finditer(r"\w+", text)]
    signs = [(m.start(), m.end(), "") for m in re.finditer(r"\?|→|≥|>|=|\[\]|;", text)]
    return words + signs


def test_no_word_of_the_notation_is_skipped():
    """With a changed word, the contract differs from the catalog, or cannot be read."""
    paragraphs = contract.DOCUMENT.read_text().split("\n\n")
    (types,) = (paragraph for paragraph in paragraphs if paragraph.startswith("| type"))
    skipped = []
    for paragraph in paragraphs:
        if not paragraph.startswith(("**", "| ")):
            continue
        context = f"{types}\n\n" if paragraph != types else ""
        as_is = parse(context + paragraph)
        for start, end, instead in changes(paragraph):
            try:
                read = parse(f"{context}{paragraph[:start]}{instead}{paragraph[end:]}")
            except ContractError:
                continue
            if read == as_is:
                skipped.append(paragraph[max(start - 20, 0) : end + 20])
    assert skipped == []


@cache
def proven() -> set[str]:
    """The sentences that the tests' `proves` marks quote, from the tests' sources."""
    return {
        quote.value
        for path in TESTS.rglob("test_*.py")
        for text in [path.read_text()]
        if "proves(" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id == "proves"
        for quote in node.args
        if isinstance(quote, ast.Constant) and isinstance(quote.value, str)
    }


def test_every_sentence_is_proven(document):
    """The document contains what tests quote, and nothing else."""
    prose = "\n".join(document.prose)
    notes = "\n".join(document.notes.values())
    quotes = proven() | set(GUIDANCE)
    assert [quote for quote in quotes if quote not in prose + notes] == []
    for quote in sorted(quotes, key=len, reverse=True):
        prose = prose.replace(quote, "")
    assert re.findall(r"\S*\w\S*", prose) == []


def test_what_is_said_of_a_column_is_in_its_comment(document, cursor, subtests):
    quotes = proven()
    for (table, column), note in document.notes.items():
        with subtests.test(f"{table}.{column}"):
            cursor.execute(
                "SELECT col_description(attrelid, attnum) FROM pg_attribute "
                "WHERE attrelid = %s::regclass AND attname = %s",
                [table, column],
            )
            ((comment,),) = cursor.fetchall()
            for part in note.split("; "):
                assert part in quotes or part.lower() in comment.lower()
