"""docs/schema.md has a decision for each foreign key, and a purge follows it."""

import re

import pytest

from tests.counters import set_right, wrong
from tests.schema import contract
from tests.support import ROOT

KEYS = """
SELECT conrelid::regclass::text, attname::text, confrelid::regclass::text
FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1, 2
"""


KEY = re.compile(r"FOREIGN KEY \((\w+)\) REFERENCES (\w+)\(id\) ON DELETE (CASCADE|SET NULL)")
ON_DELETE = {"CASCADE": "deleted", "SET NULL": "kept"}


def decided():
    """The decisions by table and column: deleted, kept or never."""
    page = (ROOT / "docs" / "services.md").read_text()
    chapter = page.split("## Retention\n")[1].split("\n#")[0]
    never = re.findall(r"^\| `(\w+)` \| .* are not purged", chapter, re.MULTILINE)
    return {
        (name, column): "never" if target in never else ON_DELETE[on_delete]
        for name, table in contract.parse(contract.DOCUMENT.read_text()).tables.items()
        for definition in table.constraints.values()
        for column, target, on_delete in KEY.findall(definition)
    }


@pytest.fixture
def keys(platform):
    return {(table, column): target for table, column, target in platform.execute(KEYS)}


def test_each_key_has_a_decision(keys):
    assert decided().keys() == keys.keys()


def test_a_purge_follows_these_decisions(platform, keys, subtests):
    """Each key gets a live row of somebody else, and everything else is due."""
    rows, times = {}, {name: table.columns for name, table in platform.rows.tables.items()}
    for (table, column), target in keys.items():
        parent = platform.insert(target)
        rows[table, column] = platform.insert(table, **{column: parent})
        due = {"deleted_at", "expires_at"} & times[target].keys()
        for time in due:
            platform.age(target, parent, time, 99)
        assert due or decided()[table, column] == "never"
    set_right(platform.execute)
    assert platform.purged()["left"] == {}
    for (table, column), id_ in rows.items():
        with subtests.test(f"{table}.{column}"):
            left = platform.rows.get(table, id_, column)
            expected = {"deleted": left is None, "kept": left == (None,), "never": left}
            assert expected[decided()[table, column]], left
    assert wrong(platform.execute) == {}
