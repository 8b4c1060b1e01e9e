"""The rows that migration 020 inserts."""

from fnmatch import fnmatchcase

import pytest

proves = pytest.mark.proves


@proves(
    "Reference rows, inserted by 020 itself: a permission `<table>.<action>` for each of the 28 "
    "tables and each of read, create, update, delete, plus `admin.access`, "
    "`personal_data.access` and `second_factors.delete`;"
)
def test_permissions(cursor, document):
    cursor.execute("SELECT name, resource, action FROM permissions")
    found = cursor.fetchall()
    assert len(found) == len(set(found))
    assert set(found) == {
        ("admin.access", "admin", "access"),
        ("personal_data.access", "personal_data", "access"),
        ("second_factors.delete", "second_factors", "delete"),
    } | {
        (f"{table}.{action}", table, action)
        for table in document.tables
        for action in ("read", "create", "update", "delete")
    }


@proves("the system roles support, moderator, admin.")
def test_roles(cursor):
    cursor.execute("SELECT name, is_system FROM roles")
    assert sorted(cursor.fetchall()) == [("admin", True), ("moderator", True), ("support", True)]


@proves("It also grants these permissions to the roles; `*` means any name:")
def test_permissions_of_roles(cursor, document):
    cursor.execute("SELECT name FROM permissions")
    permissions = [name for (name,) in cursor.fetchall()]
    cursor.execute("""
        SELECT r.name, p.name FROM role_permissions rp
        JOIN roles r ON r.id = rp.role_id JOIN permissions p ON p.id = rp.permission_id
    """)
    assert sorted(cursor.fetchall()) == sorted(
        (role, permission)
        for role, patterns in document.roles.items()
        for permission in permissions
        if any(fnmatchcase(permission, pattern) for pattern in patterns)
    )
