"""The project's database engine: Django's PostgreSQL engine, adapted to the Standard."""
