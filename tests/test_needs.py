"""A test that lacks what CI installs is skipped elsewhere, and fails in CI."""

import re

import pytest

from tests import needs
from tests.support import ROOT


def test_it_is_skipped_elsewhere_and_fails_in_ci(monkeypatch):
    monkeypatch.delenv(needs.VARIABLE, raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs a piano"):
        needs.program("piano-of-nobody", "needs a piano")
    monkeypatch.setenv(needs.VARIABLE, "1")
    with pytest.raises(pytest.fail.Exception, match="needs a piano, which CI is to install"):
        needs.program("piano-of-nobody", "needs a piano")


def test_ci_says_so_and_installs_what_the_reasons_name():
    script = (ROOT / ".ci" / "run").read_text()
    assert f"export {needs.VARIABLE}=1" in script
    installed = re.search(r"apt-get install .*?>", script, re.DOTALL)[0].split()
    named = {
        package
        for file in (ROOT / "tests").rglob("*.py")
        for package in re.findall(r"needs [^\n]*apt install ([\w-]+)\)", file.read_text())
    }
    assert (
        {"chromium-headless-shell", "locales", "pgbouncer", "postgresql-15"}
        <= named
        <= {*installed}
    )


def test_every_package_that_ci_installs_is_listed_in_needs():
    """Tests are skipped only for what CI lacks too: npm, Citus, a second user."""
    others = [
        f"{file.relative_to(ROOT)}: {reason}"
        for file in (ROOT / "tests").rglob("*.py")
        for reason in re.findall(r"(?:pytest\.skip|skipif)\(.*apt install.*\)", file.read_text())
    ]
    assert others == []
