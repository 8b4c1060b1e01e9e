"""The schema of a live database.

`snapshot` reads it, `audit` checks it against the Standard, `diff` compares two schemas, and
`export` writes the files of `schema/`.
"""
