"""The services' hot queries, on V1 and on what else could have been."""
