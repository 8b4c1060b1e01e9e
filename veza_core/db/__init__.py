"""Primitives of the schema; nothing here imports a model."""
