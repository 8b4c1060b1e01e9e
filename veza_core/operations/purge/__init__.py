"""What `purge` does: hard deletes what is due, in small transactions, beside running services.

It knows tables by their SQL names only, since some of them are other apps'.
"""
