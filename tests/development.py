"""A pytest plugin (in pyproject.toml): tests are development, as what `make` calls is.

Imported before Django's settings are. Of the project's own variables it keeps those that name the
server: the tests are about the defaults of all others, whatever a shell exports or `.env` says.
"""

import os

from veza_site.environment import NAMES, read_file

SERVER = {"DATABASE_URL", "EMBEDDED_DATABASE", "EMBEDDED_DIRECTORY"}

read_file()
for name in NAMES - SERVER:
    os.environ.pop(name, None)
os.environ["DEBUG"] = "1"
