"""What differs from Django's PostgreSQL operations."""

from django.db.backends.postgresql import operations


class DatabaseOperations(operations.DatabaseOperations):
    """Foreign keys are NOT DEFERRABLE: an orphan fails at its own statement, not at COMMIT."""

    def deferrable_sql(self) -> str:
        return ""
