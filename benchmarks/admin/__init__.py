"""The cost of the support admin, with tables as large as it must handle."""
