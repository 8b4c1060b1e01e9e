"""The support admin: who may enter, what is logged, and the site itself."""
