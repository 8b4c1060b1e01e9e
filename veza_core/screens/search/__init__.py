"""A search box that finds anything: a UUID, e-mail, name, title, address or token's hash.

`term` reads what was typed, `finders` have the indexes, `engine` runs the queries, `results` groups
what was found, and `views` are the pages. A screen takes part with its `finders`.
"""
