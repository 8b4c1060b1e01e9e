"""What `purge` does: hard deletes what is due, in small transactions, beside running services.

The models declare which rows are due (`BaseModel.purged_after`). All else is read from the catalog.
"""
