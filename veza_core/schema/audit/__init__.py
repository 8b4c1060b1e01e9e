"""Checks any live database against the Standard, by rules that read a snapshot of its catalog.

`engine.audit` takes a plain psycopg connection. No module here uses a model or a command.
"""
