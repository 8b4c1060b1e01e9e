"""Backups and restores. So the folder is a package to pytest, and its fixtures end with it."""
