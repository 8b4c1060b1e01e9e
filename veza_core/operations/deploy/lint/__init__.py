"""What a migration after V1 would do to running services: found by running it, and by squawk."""
