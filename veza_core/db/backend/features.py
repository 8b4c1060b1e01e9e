"""Differences from Django's PostgreSQL features."""

from django.db.backends.postgresql import features


class DatabaseFeatures(features.DatabaseFeatures):
    """Foreign keys are checked at once (Standard, rule 3), so nothing may rely on deferral.

    Generated columns are stored: PostgreSQL before 18 has no virtual ones. Django asks the server
    for its version, so a check of the models would need a connection.
    """

    supports_virtual_generated_columns = False
    can_defer_constraint_checks = False
    supports_forward_references = False
