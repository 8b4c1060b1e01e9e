"""The site in Chromium. With this file, the folder is a package, at whose end its fixtures end."""
