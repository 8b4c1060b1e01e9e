"""docs/security.md names existing files, and has every point of ASVS 5.0, levels 1 and 2."""

import re

from tests.support import ROOT
from veza_site.environment import NAMES

PAGE = ROOT / "docs" / "security.md"
#: The standard's sections: their number of points, and the points of level 3 only.
SECTIONS: dict[str, tuple[int, set[int]]] = {
    "1.1": (2, set()), "1.2": (10, {10}), "1.3": (12, {12}), "1.4": (3, set()), "1.5": (3, {3}),
    "2.1": (3, set()), "2.2": (3, set()), "2.3": (5, {5}), "2.4": (2, {2}),
    "3.1": (1, {1}), "3.2": (3, {3}), "3.3": (5, {5}), "3.4": (8, {7, 8}),
    "3.5": (8, {6, 7, 8}), "3.6": (1, {1}), "3.7": (5, {3, 4, 5}),
    "4.1": (5, {4, 5}), "4.2": (5, {2, 3, 4, 5}), "4.3": (2, set()), "4.4": (4, set()),
    "5.1": (1, set()), "5.2": (6, {4, 5, 6}), "5.3": (3, {3}), "5.4": (3, set()),
    "6.1": (3, set()), "6.2": (12, set()), "6.3": (8, {5, 6, 7, 8}), "6.4": (6, {5, 6}),
    "6.5": (8, {6, 7, 8}), "6.6": (4, {4}), "6.7": (2, {1, 2}), "6.8": (4, set()),
    "7.1": (3, set()), "7.2": (4, set()), "7.3": (2, set()), "7.4": (5, set()), "7.5": (3, {3}),
    "7.6": (2, set()),
    "8.1": (4, {3, 4}), "8.2": (4, {4}), "8.3": (3, {2, 3}), "8.4": (2, {2}),
    "9.1": (3, set()), "9.2": (4, set()),
    "10.1": (2, set()), "10.2": (3, {3}), "10.3": (5, {5}), "10.4": (16, {12, 13, 14, 15, 16}),
    "10.5": (5, set()), "10.6": (2, set()), "10.7": (3, set()),
    "11.1": (4, {3, 4}), "11.2": (5, {4, 5}), "11.3": (5, {4, 5}), "11.4": (4, set()),
    "11.5": (2, {2}), "11.6": (2, {2}), "11.7": (2, {1, 2}),
    "12.1": (5, {4, 5}), "12.2": (2, set()), "12.3": (5, {5}),
    "13.1": (4, {2, 3, 4}), "13.2": (6, {6}), "13.3": (4, {3, 4}), "13.4": (7, {6, 7}),
    "14.1": (2, set()), "14.2": (8, {5, 6, 7, 8}), "14.3": (3, set()),
    "15.1": (5, {4, 5}), "15.2": (5, {4, 5}), "15.3": (7, set()), "15.4": (4, {1, 2, 3, 4}),
    "16.1": (1, set()), "16.2": (5, set()), "16.3": (4, set()), "16.4": (3, set()),
    "16.5": (4, {4}),
    "17.1": (2, {2}), "17.2": (8, {5, 6, 7, 8}), "17.3": (2, set()),
}  # fmt: skip
POINTS = {
    f"{section}.{number}"
    for section, (count, third) in SECTIONS.items()
    for number in range(1, count + 1)
    if number not in third
}


def rows() -> list[list[str]]:
    """The lines of the tables of ASVS."""
    text = PAGE.read_text().partition("## ASVS")[2]
    return [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| \d", line)]


def told() -> list[str]:
    """The points in the tables; a section or chapter means all of its points."""
    found: list[str] = []
    for cells in rows():
        for name in cells[0].split(", "):
            found += sorted(point for point in POINTS if f"{point}.".startswith(f"{name}."))
    return found


def test_each_point_has_one_line() -> None:
    found = told()
    assert sorted(found) == sorted(POINTS)


def test_what_is_met_is_tested() -> None:
    met = [cells for cells in rows() if len(cells) == 3]
    assert len(met) > 20
    for cells in met:
        assert re.findall(r"`tests/[\w/]+/test_\w+\.py`", cells[2]), cells


def test_files_and_settings_exist() -> None:
    text = PAGE.read_text()
    files = set(re.findall(r"`((?:tests|veza_\w+|docs)/[\w/]+\.\w+)`", text))
    files |= {f"docs/{name}" for name in re.findall(r"\]\(([\w/.-]+\.md)", text)}
    assert len(files) > 30
    assert [name for name in sorted(files) if not (ROOT / name).is_file()] == []
    settings = set(re.findall(r"`([A-Z]{3,}_[A-Z_]+)`", text))
    assert len(settings) > 4
    assert settings <= NAMES
