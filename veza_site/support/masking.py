"""Hides details of rows in the staff log from staff who cannot read these rows."""

from typing import Any

from veza_core.access import StaffRequest

#: The fields with details of a row. The others say only that something was done.
TELLING = ("subject_label", "reason", "text")
VALUES = ("before", "after")


def mask(request: StaffRequest, entry: Any) -> None:
    """Remove details of the row from an entry or a note, if the viewer may not read the row.

    Who did what, when, and in which table stays visible to all staff.
    """
    table = entry.subject_table
    if not table or request.access.may(table, "read"):
        return
    # A field that was not selected cannot be removed; to access it would be a query.
    for name in TELLING:
        if entry.__dict__.get(name):
            setattr(entry, name, f"(needs {table}.read)")
    for name in VALUES:
        if entry.__dict__.get(name) is not None:
            setattr(entry, name, None)
