"""Commands of development: the app is installed with DEBUG on only."""
