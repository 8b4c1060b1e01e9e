"""Two sessions at the same statement: what each of them gets, and what is in the table then.

The first stands in an open transaction while the second comes, so that each race takes place in
every run. Where a word of the statement decides it, a test runs the statement without that word,
and sees what comes of it.
"""

from typing import Any

from tests.services.conftest import LONGEST, Session, wait_until


def beside(
    first: Session, second: Session, statement: str, *values: Any, of_second: Any = None
) -> tuple[Any, Any]:
    """What the second session gets of a statement that the first has run, and then commits."""
    first.begin()
    before = first.execute(statement, *values)
    got = before.fetchone() if before.description else before.rowcount
    coming = second.start(second.execute, statement, *(of_second or values))
    wait_until(lambda: second.waits() or coming.done())
    first.commit()
    after = coming.result(LONGEST)
    return got, after.fetchone() if after.description else after.rowcount


def is_free(session, table, id_):
    statement = f"SELECT 1 FROM {table} WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED"
    return session.one(statement, id_) is not None
