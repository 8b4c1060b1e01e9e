"""Demo data for all tables, which `manage.py seed_demo` writes.

Each value of a row (its id, its times, its references) is a function of the set (seed, day, counts)
and the row's number. So any row can compute the id of any other row. Memory does not grow with the
data, and workers need no communication. An interrupted run queries which rows exist, and continues.
The package uses the SQL names of tables, and imports no model.

| module | what is in it |
|---|---|
| `counts` | the number of rows of each table, and the function that writes them |
| `draws` | random numbers and ids by row number |
| `shares` | skewed distribution with exact counts |
| `people`, `world` | facts that several tables need: when users existed, who owns what |
| `binary`, `words` | columns in the format of `COPY … (FORMAT binary)`, and their texts |
| `tables/` | the columns of each table |
| `service` | finds the set for the options, and checks whether it may be loaded |
| `load` | finds the rows that exist, and loads the others |
"""
