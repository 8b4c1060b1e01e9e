"""What staff may change, and what they may carry off: a list of small classes, each with its right,
its reason and its way back.

`action` says what an action is, `perform` does it, `pages` shows it; `accounts`, `roles`,
`soft_deletion` and `notes` are actions of this package, each app's admin has its own. `export` is
the CSV of a list.
"""
