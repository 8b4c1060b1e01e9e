"""The columns of each table, for any of its rows. All modules in this package are imported."""

from importlib import import_module
from pkgutil import iter_modules

from veza_demo.counts import WRITERS

from .base import Columns, Rows

__all__ = ["WRITERS", "Columns", "Rows"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
