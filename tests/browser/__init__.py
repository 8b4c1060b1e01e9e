"""The site in Chromium. A package, because fixtures with `scope="package"` end with it."""
