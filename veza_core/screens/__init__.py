"""The framework of the support admin's screens: `inspection` is the base of each screen.

Importing this package registers no screen. Screens are in `admin` of each app.
"""
