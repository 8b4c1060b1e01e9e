"""The site in Chromium. So the folder is a package to pytest, and its fixtures end with it."""
