"""One box that finds anything: a UUID, an e-mail, a name, a title, an address, a token's hash.

`term` reads what was typed, `finders` say which index knows it, `engine` asks them,
`results` groups what they found, `views` answer. A screen joins by its `finders`.
"""
