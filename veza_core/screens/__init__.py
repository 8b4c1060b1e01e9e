"""What the support admin's screens are made of: `inspection` is the base of each of them.

Importing anything of this package registers no screen. Screens are in `admin` of each app.
"""
