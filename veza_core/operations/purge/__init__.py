"""Permanently deletes due rows, in small transactions, while services run.

Models declare which rows are due (`BaseModel.purged_after`). Everything else is read from the
catalog.
"""
