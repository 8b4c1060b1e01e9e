"""Commands for development. The app is installed only if DEBUG is on."""
