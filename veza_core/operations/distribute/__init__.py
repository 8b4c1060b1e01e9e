"""What `distribute` does: the logs, which outgrow every other table, over the nodes of Citus.

Which tables are logs is declared on their models (`BaseModel.purged_after`); their keys, and what
is already done, are read from the catalog. Each step is one transaction, and a run goes on where
the one before it ended.
"""
