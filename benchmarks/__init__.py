"""What is claimed about speed, as commands that print ratios."""

from veza_site.environment import read_file

read_file()
