"""Commands that measure what we claim about speed, and print ratios."""

from veza_site.environment import read_file

read_file()
