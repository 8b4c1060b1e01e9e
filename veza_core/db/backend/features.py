"""Differences from Django's PostgreSQL features."""

from django.db.backends.postgresql import features


class DatabaseFeatures(features.DatabaseFeatures):
    """Foreign keys are checked at once (Standard, rule 3), so nothing may rely on deferral."""

    can_defer_constraint_checks = False
    supports_forward_references = False
