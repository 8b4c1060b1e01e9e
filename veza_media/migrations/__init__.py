"""Migrations: the final state of V1, frozen once released."""
