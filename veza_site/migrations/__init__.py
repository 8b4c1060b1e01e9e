"""The tables of this app, in schema `django`."""
