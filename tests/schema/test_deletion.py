"""What a hard delete also deletes, and what it leaves, by plain SQL."""

import pytest

from tests.schema.catalog import Catalog

proves = pytest.mark.proves


def test_each_foreign_key(live, rows, case):
    """CASCADE deletes the row too; SET NULL keeps it, with NULL in place of the reference."""
    for key in live.foreign_keys:
        with case(key.name):
            parent = rows.insert(key.target)
            child = rows.insert(key.table, **{key.column: parent})
            rows.delete(key.target, parent)
            left = {"c": None, "n": (None,)}[key.on_delete]
            assert rows.get(key.table, child, key.column) == left


def test_deleting_a_child_leaves_its_parents(live, rows, case):
    for key in live.foreign_keys:
        with case(key.name):
            parent = rows.insert(key.target)
            rows.delete(key.table, rows.insert(key.table, **{key.column: parent}))
            assert rows.get(key.target, parent, "true") == (True,)


def owned_by_users(live: Catalog) -> set[str]:
    """The tables from which a chain of CASCADE leads to users, and users itself."""
    owned = {"users"}
    while (
        more := {
            key.table for key in live.foreign_keys if key.on_delete == "c" and key.target in owned
        }
        - owned
    ):
        owned |= more
    return owned


@proves(
    "(It is deleted with its user. If the user is soft-deleted, clients do not show the profile.)"
)
def test_deleting_a_user(live, rows):
    """One row in each table. All belong to one user, or refer to that user's rows."""
    targets = {(key.table, key.column): key.target for key in live.foreign_keys}
    ids = {}

    def fill(table):
        if table not in ids:
            parents = {
                column: fill(target)
                for (child, column), target in targets.items()
                if child == table != target
            }
            ids[table] = rows.insert(table, **parents)
        return ids[table]

    for name in live.tables:
        fill(name)
    comment = rows.insert("track_comments", user_id=ids["users"])
    reply = rows.insert("track_comments", parent_id=comment)
    rows.delete("users", ids["users"])

    gone = owned_by_users(live)
    assert {"user_profiles", "tracks", "hls_streams", "track_plays"} <= gone
    assert live.tables.keys() - gone == {"roles", "permissions", "role_permissions", "rooms"}
    for name, id_ in ids.items():
        assert (rows.get(name, id_, "id") is None) == (name in gone), name
    assert rows.get("track_comments", reply, "parent_id") == (None,)
    assert rows.get("rooms", ids["rooms"], "creator_id") == (None,)


def test_what_others_own_stays(live, rows):
    """Deleting a user keeps, with NULL, all rows of others that only refer to them."""
    user = rows.insert("users")
    references = [
        (key, rows.insert(key.table, **{key.column: user}))
        for key in live.foreign_keys
        if (key.target, key.on_delete) == ("users", "n")
    ]
    assert references
    rows.delete("users", user)
    for key, id_ in references:
        assert rows.get(key.table, id_, key.column) == (None,), key.name


@proves(
    "any service can delete a staff account permanently, and the log of its actions stays.",
)
def test_the_log_of_a_deleted_staff_account_stays(rows):
    staff = rows.insert("users", role="support")
    rows.cursor.execute(
        "INSERT INTO django.django_admin_log "
        "(action_time, object_repr, action_flag, change_message, user_id) "
        "VALUES (now(), 'what was changed', 2, '', %s) RETURNING id",
        [staff],
    )
    log = rows.cursor.fetchone()
    rows.delete("users", staff)
    rows.cursor.execute("SELECT user_id FROM django.django_admin_log WHERE id = %s", log)
    assert rows.cursor.fetchone() == (staff,)
