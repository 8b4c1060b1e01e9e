"""What operators do with a database: `deploy` it, `backup` it, `purge` it."""
