"""The Standard, checked on any live database: rules over one snapshot of its catalog.

Nothing here uses a model or a command; it takes a plain psycopg connection.
"""
