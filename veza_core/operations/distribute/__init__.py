"""Distributes the logs, the largest tables, over the nodes of Citus.

Models declare which tables are logs (`BaseModel.purged_after`). The catalog has their keys, and
what is already done. Each step is one transaction, and a run continues where the last one ended.
"""
