"""A pytest plugin (in pyproject.toml): tests run with DEBUG on, like commands of `make`.

It is imported before Django's settings. Of the project's variables, it keeps only those that name
the server. The tests use the defaults of all others, whatever a shell exports or `.env` says.
"""

import os

from veza_site.environment import NAMES, read_file

SERVER = {"DATABASE_URL", "EMBEDDED_DATABASE", "EMBEDDED_DIRECTORY"}

read_file()
for name in NAMES - SERVER:
    os.environ.pop(name, None)
os.environ["DEBUG"] = "1"
