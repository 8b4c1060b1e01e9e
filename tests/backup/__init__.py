"""Backups and restores. A package, because fixtures with `scope="package"` end with it."""
