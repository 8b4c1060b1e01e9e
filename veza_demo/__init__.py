"""Demo data for all tables: what `manage.py seed_demo` fills in.

Everything is a function of the set (seed, day, counts) and a row's number: its id, its times, what
it refers to. So any row can name any other without a list of them, memory does not grow with the
data, workers need not talk to each other, and a run that was interrupted goes on by asking which
rows are there. The package knows tables by their names in SQL, and imports no model.

| module | what is in it |
|---|---|
| `counts` | how many rows are asked for |
| `registry` | which table is filled by what, with how many rows |
| `draws` | random numbers and ids by row number |
| `shares` | skewed distribution with exact counts |
| `people`, `world` | the facts that tables share: who was there when, who owns what |
| `binary`, `words` | columns as `COPY … (FORMAT binary)` wants them, and what they say |
| `tables/` | the columns of each table |
| `service` | the set that options mean, and whether it may be loaded |
| `load` | which rows are there, and loading the others |
| `progress` | how far it is |
"""
