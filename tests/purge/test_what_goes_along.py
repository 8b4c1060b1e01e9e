"""docs/services.md has a decision for each foreign key, and a purge follows it."""

import re

import pytest

from tests.counters import set_right, wrong
from tests.support import ROOT

KEYS = """
SELECT conrelid::regclass::text, attname::text, confrelid::regclass::text
FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1, 2
"""


def decided():
    """The page's decisions, by table and column: deleted, kept or never."""
    page = (ROOT / "docs" / "services.md").read_text()
    chapter = page.split("## Retention\n")[1].split("\n#")[0]
    rows = re.findall(r"^\| (`.*?) \| (\w+)", chapter, re.MULTILINE)
    listed = [
        ((table, column), decision)
        for cell, decision in rows
        for table, column in re.findall(r"`(\w+)\.(\w+)`", cell)
    ]
    assert len(dict(listed)) == len(listed)
    return dict(listed)


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
