"""Two sessions run the same statement: the result of each, and the table afterwards.

The first one has an open transaction when the second one starts, so the race happens in every run.
If a word of the statement decides the result, a test runs the statement without it, and checks the
different result.
"""

from typing import Any

from tests.services.conftest import LONGEST, Session, wait_until


def concurrently(
    first: Session, second: Session, statement: str, *values: Any, of_second: Any = None
) -> tuple[Any, Any]:
    """The second session's result of a statement that the first one has run, and then commits."""
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
