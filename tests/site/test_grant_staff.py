"""`manage.py grant_staff`: access for the first person, and for somebody who lost a device."""

from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice
from model_bakery import baker

from tests.staff import make_user
from tests.support import database_environment, is_one_clear_line, manage_process, scratch_database
from veza_core.access import access_of
from veza_core.models import User, UserRoleAssignment
from veza_site.models import StaffLogEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(capsys):
    def run(*arguments):
        call_command("grant_staff", *arguments)
        where, told = capsys.readouterr().out.strip().split("\n", 1)
        assert where.startswith("Connected to ")
        return told

    return run


@pytest.mark.parametrize("identifier", ["alice", "alice@example.com"])
@pytest.mark.parametrize("role", ["support", "moderator", "admin"])
def test_grant(run, identifier, role):
    alice = make_user()
    assert run(identifier, role) == f"alice has role {role} permanently"
    assert access_of(alice).may_enter
    entry = StaffLogEntry.objects.get()
    assert entry.action == "user_roles.grant"
    assert entry.staff_name.startswith("manage.py grant_staff (")
    assert (entry.staff_id, entry.subject_id) == (None, str(alice.pk))
    assert entry.after == {"role": role, "expires_at": None}


def test_a_second_run_changes_nothing(run):
    make_user()
    run("alice", "admin")
    row = UserRoleAssignment.objects.get()
    assert run("alice", "admin") == "alice has role admin permanently already: nothing to do"
    assert UserRoleAssignment.objects.get().updated_at == row.updated_at
    assert StaffLogEntry.objects.count() == 1


def test_expires(run):
    make_user()
    assert run("alice", "admin", "--expires", "2199-12-31") == (
        "alice has role admin until 2199-12-31 00:00 UTC"
    )
    held = UserRoleAssignment.objects.get()
    assert held.expires_at == datetime(2199, 12, 31, tzinfo=UTC)
    assert run("alice", "admin", "--expires", "2199-12-31T18:00+01:00").endswith(" now")
    held.refresh_from_db()
    assert held.expires_at == datetime(2199, 12, 31, 17, tzinfo=UTC)
    assert run("alice", "admin") == "alice has role admin permanently now"
    assert UserRoleAssignment.objects.get().expires_at is None


def test_an_expired_role_can_be_granted_again(run):
    alice = make_user()
    run("alice", "support")
    UserRoleAssignment.objects.update(expires_at=timezone.now())
    assert not access_of(alice).may_enter
    run("alice", "support")
    assert access_of(alice).may_enter


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bob", "admin"], "there is no live user 'bob'"),
        (["alice"], "name a role"),
        (["alice", "--expires", "2199-01-01"], "name a role"),
        (
            ["alice", "--reset-second-factor", "--expires", "2199-01-01"],
            "--expires needs a role",
        ),
        (["alice", "admin", "--expires", "2020-01-01"], "in the past"),
        (["alice", "super_admin"], "invalid choice"),
        (["alice", "admin", "--expires", "soon"], "invalid date value"),
    ],
)
def test_refusals(run, arguments, message):
    make_user()
    with pytest.raises(CommandError, match=message) as caught:
        run(*arguments)
    assert "\n" not in str(caught.value)
    assert not UserRoleAssignment.objects.exists()
    assert not StaffLogEntry.objects.exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"is_banned": True}, "is banned"),
        ({"is_active": False}, "is deactivated"),
        ({"deleted_at": timezone.now()}, "there is no live user"),
        ({"password": None}, "has no password"),
    ],
)
def test_who_could_not_sign_in(run, values, message):
    make_user()
    User.objects.update(**values)
    with pytest.raises(CommandError, match=message):
        run("alice", "admin")
    assert not UserRoleAssignment.objects.exists()


def test_reset_second_factor(run):
    alice = make_user()
    assert run("alice", "--reset-second-factor") == ("alice has no second factor: nothing to reset")
    baker.make(TOTPDevice, user=alice)
    assert "must set up a new second factor" in run("alice", "--reset-second-factor")
    assert not TOTPDevice.objects.exists()
    alice.refresh_from_db()
    assert alice.token_version == 1
    assert StaffLogEntry.objects.get().action == "second_factor.reset"


@pytest.mark.process
def test_as_a_process(migrated):
    with scratch_database(f"TEMPLATE {migrated}") as name:
        environment = database_environment(name)
        result = manage_process("grant_staff", "nobody", "admin", **environment)
        assert is_one_clear_line(result), result.stderr
        assert result.returncode == 1
        assert manage_process("grant_staff", "nobody", "king", **environment).returncode == 2
