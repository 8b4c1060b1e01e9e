"""A pytest plugin (in pyproject.toml): tests are development, as what `make` calls is.

Imported before Django's settings are.
"""

import os

from veza_site.environment import read_file

read_file()
os.environ.setdefault("DEBUG", "1")
