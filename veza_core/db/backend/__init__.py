"""The project's database engine: Django's PostgreSQL one, kept to the Standard."""
