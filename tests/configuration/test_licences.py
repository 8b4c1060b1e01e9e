"""The licences of production's packages are those in docs/security.md. Uses no network."""

import re
from importlib import metadata

from packaging.markers import Marker

from tests.support import ROOT

LOCKED = re.compile(r"^([a-z0-9.-]+)==\S+(?: ; (.*?))? \\$", re.MULTILINE)
#: Licences of packages that do not use SPDX's expressions.
WORDS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "The Unlicense (Unlicense)": "Unlicense",
}


def locked() -> dict[str, bool]:
    """Production's packages, and whether this machine would install them."""
    text = (ROOT / "requirements.lock").read_text()
    return {name: not marker or Marker(marker).evaluate() for name, marker in LOCKED.findall(text)}


def licence_of(name: str) -> str:
    """The licence that a package declares; empty if it declares none."""
    about = metadata.metadata(name)
    said = about.get("License-Expression") or about.get("License") or ""
    if said and "\n" not in said:
        return str(said)
    named = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier", [])
             if line.startswith("License :: OSI Approved :: ")]  # fmt: skip
    return " AND ".join(WORDS.get(name, "") for name in named)


def listed() -> dict[str, str]:
    """The licence of each package in the document."""
    text = (ROOT / "docs" / "security.md").read_text()
    table = text.partition("| licence | packages |")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    return {name: licence for licence, names in rows for name in names.split(", ")}


def test_each_has_one_that_is_known() -> None:
    found = {name: licence_of(name) for name, is_here in locked().items() if is_here}
    assert len(found) > 10
    known = listed()
    assert found == {name: known.get(name) for name in found}
    assert "" not in found.values()


def test_no_line_is_about_what_is_gone() -> None:
    assert set(listed()) == set(locked())
