"""What the staff log says of rows is only for who may read the rows."""

from typing import Any

from veza_core.access import StaffRequest

#: What tells of the row itself, and not only that something was done to it.
TELLING = ("subject_label", "reason", "text")
VALUES = ("before", "after")


def mask(request: StaffRequest, entry: Any) -> None:
    """Take from an entry, or a note, what tells of a row that who asks may not read.

    Who did what, when, to a row of which table, stays: staff are watched in the open.
    """
    table = entry.subject_table
    if not table or request.access.may(table, "read"):
        return
    # What was not selected is not there to be taken; to ask for it would be a query.
    for name in TELLING:
        if entry.__dict__.get(name):
            setattr(entry, name, f"(needs {table}.read)")
    for name in VALUES:
        if entry.__dict__.get(name) is not None:
            setattr(entry, name, None)
