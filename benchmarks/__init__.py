"""What is claimed about speed, as commands that print ratios."""
