"""The suite tests the defaults, whatever the shell's environment contains."""

import json
import os
import subprocess
import sys

from tests.development import SERVER
from tests.support import ROOT
from veza_site.environment import NAMES


def test_a_shells_settings_are_not_the_suites():
    code = "import json, os, tests.development; print(json.dumps(dict(os.environ)))"
    exported = {**os.environ, **dict.fromkeys(NAMES, "0"), "DATABASE_URL": "postgresql:///x"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=exported, capture_output=True, check=True
    )
    left = json.loads(done.stdout)
    assert {name: left[name] for name in NAMES & set(left)} == {
        **{name: exported[name] for name in SERVER},
        "DEBUG": "1",
    }
