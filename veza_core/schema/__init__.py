"""The schema as it is: `audit` checks it against the Standard, `export` writes it to `schema/`."""
