"""How the schema gets onto a server: what `manage.py migrate` needs and Django's lacks."""
