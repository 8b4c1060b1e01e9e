"""What staff may change and export: small classes, each with permissions, a reason and an undo.

`action` defines an action, `perform` runs it, `pages` shows it; `soft_deletion` and `notes` are
actions that many screens have. The other actions are in `admin` of each app. `export` writes a list
as CSV.
"""
