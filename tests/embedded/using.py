"""Starts the server in the directory that is its argument, and waits for the end of its input."""

import sys

import psycopg

from veza_core.db import embedded

host = embedded.start(sys.argv[1], "veza")
# The server accepts connections.
with psycopg.connect(host=host, port=5432, user="postgres", dbname="veza") as session:
    session.execute("SELECT 1")
sys.stdout.write(f"{host}\n")
sys.stdin.read()
