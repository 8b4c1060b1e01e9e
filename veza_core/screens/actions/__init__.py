"""What staff may change, and what they may export: a list of small classes, each with its right,
its reason and its way back.

`action` says what an action is, `perform` does it, `pages` shows it; `soft_deletion` and `notes`
are actions that many screens have. The other actions are in `admin` of each app. `export` is the
CSV of a list.
"""
