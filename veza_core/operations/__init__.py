"""What operators do with a database: deploy, back up, purge and so on."""
