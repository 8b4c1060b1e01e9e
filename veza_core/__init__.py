"""Accounts, and the code that every other app uses."""

#: The project's own; pyproject.toml says the same, and a test compares them.
__version__ = "1.0.0"
