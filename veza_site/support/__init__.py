"""The support admin: who gets in, what is remembered of what they do, and the site itself."""
