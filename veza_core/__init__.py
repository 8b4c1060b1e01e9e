"""Accounts, and what every other app builds on."""
