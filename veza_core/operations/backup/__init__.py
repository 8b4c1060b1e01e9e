"""Backup and restore of `public` and `django`, over PostgreSQL's own pg_dump and pg_restore."""
