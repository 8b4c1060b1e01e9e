"""Permanently deletes due rows, in small transactions, beside running services.

Models declare which rows are due (`BaseModel.purged_after`). Everything else is read from the
catalog.
"""
