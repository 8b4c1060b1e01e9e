"""Commands: each parses, calls a service, prints."""
