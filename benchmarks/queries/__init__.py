"""The services' hot queries, on V1 and on alternatives to it."""
