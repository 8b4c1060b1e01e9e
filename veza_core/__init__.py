"""Accounts, and what every other app builds on."""

#: The project's own; pyproject.toml says the same, and a test compares them.
__version__ = "1.0.0"
