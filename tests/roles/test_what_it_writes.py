"""The site, served over the role of DATABASE_WEB_URL: everything that staff do, and no more."""

import uuid
from datetime import timedelta
from itertools import chain

import psycopg
import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from model_bakery import baker

from tests import in_process
from tests.acting import take
from tests.attack.addresses import MODELS, actions_of, address_of
from tests.roles.roles import DENIED
from tests.roles.roles import PASSWORD as ROLE_PASSWORD
from tests.roles.serving import serving_as
from tests.staff import PASSWORD, grant, make_user, post_sign_in
from tests.support import server_parameters
from veza_core.counters import counting
from veza_core.models import Role, User, UserRole, UserRoleAssignment, UserSession
from veza_site.models import JobRun, StaffLogEntry
from veza_site.roles.sync import sync
from veza_site.roles.wanted import WRITER, LoginRole, written_columns

pytestmark = pytest.mark.django_db

#: Without tables that change only by the actions of these, on a separate page.
ACTIONS = [(model, name) for model in MODELS for name in actions_of(model)
           if name not in ("delete_content", "restore_content")]  # fmt: skip


@pytest.fixture(scope="module")
def role(made_role):
    """One for all of these tests."""
    return made_role


@pytest.fixture(scope="module")
def writer(database, role):
    wanted = LoginRole(WRITER, role, ROLE_PASSWORD, database)
    with psycopg.connect(**server_parameters(), dbname=database, autocommit=True) as owner:
        assert sync(owner, wanted, dry_run=False, revoke_from_public=True)
        assert sync(owner, wanted, dry_run=False, revoke_from_public=True) == []
    return role


def row_for(model, action):
    """A row to which the action applies."""
    values = dict(getattr(action, "when", {}))
    if getattr(action, "states", ()):
        values["status"] = action.states[0]
    if model is UserSession:
        values["expires_at"] = timezone.now() + timedelta(days=1)
    values |= {
        "unlock": {"failed_login_count": 3},
        "restore": {"deleted_at": timezone.now()},
        "retry": {"completed_at": timezone.now()},
    }.get(action.name, {})
    row = baker.make(model, **values)
    if action.name == "withdraw_role":
        baker.make(UserRoleAssignment, user=row, role=Role.objects.get(name="support"))
    if action.name == "reset_second_factor":
        grant(row, "support")
        TOTPDevice.objects.create(user=row, confirmed=True)
    if action.name == "grant_role":
        # A role that has ended is granted again by UPDATE; the test of sign-ins has the INSERT.
        baker.make(UserRoleAssignment, user=row, role=Role.objects.get(name="support"),
                   expires_at=timezone.now())  # fmt: skip
    return row


def form_of(action, row):
    data = {"role": "support", "priority": 7, "text": "A remark", "days": 7,
            "email": f"{uuid.uuid4().hex}@example.com"}  # fmt: skip
    if action.typed:
        data["confirm"] = getattr(row, action.typed)
    return data


@pytest.fixture
def staff(database):
    """Somebody with all permissions, inserted by the owner."""
    with in_process.default_database(database):
        user = make_user("boss", role=UserRole.SUPER_ADMIN)
        yield user
        User.all_objects.filter(pk=user.pk).delete()


def sign_in(user) -> Client:
    """By password and the enrolment of a second factor, after a try that fails."""
    client = Client()
    assert post_sign_in(client, user.username, "wrong").status_code == 200
    assert post_sign_in(client, user.username, PASSWORD).status_code == 302
    assert client.get("/admin/second-factor/").status_code == 200
    device = TOTPDevice.objects.get(user=user)
    answer = client.post("/admin/second-factor/", {"code": f"{totp(device.bin_key):06}"})
    assert "Recovery codes" in answer.text
    return client


def test_every_page(database, writer, staff, settings):
    settings.SECOND_FACTOR_REQUIRED = True
    settings.METRICS_TOKEN = "a" * 16
    with in_process.default_database(database):
        rows = [baker.make(model) for model in MODELS]
    with serving_as(database, writer):
        client = sign_in(staff)
        assert User.objects.get(pk=staff.pk).last_login is not None
        for path in ("/admin/", "/healthz", "/admin/veza_core/"):
            assert client.get(path).status_code == 200, path
        token = {"Authorization": f"Bearer {settings.METRICS_TOKEN}"}
        assert "veza_database_up 1" in client.get("/metrics", headers=token).text
        for model, row in zip(MODELS, rows, strict=True):
            for page in (("changelist",), ("change", row.pk), ("export",)):
                assert client.get(address_of(model, *page)).status_code == 200, (model, page)
            export = client.post(address_of(model, "export"), {"reason": "test"})
            assert export.getvalue()
        answer = client.post("/admin/search/", {"q": str(rows[0].pk)}, follow=True)
        assert answer.status_code == 200
        # The hash of a token that somebody has in full.
        assert client.post("/admin/search/", {"q": "ab" * 32}, follow=True).status_code == 200
        assert client.post("/admin/logout/").status_code == 302


@pytest.mark.parametrize(
    ("model", "name"), ACTIONS, ids=lambda value: getattr(value, "__name__", value)
)
def test_every_action(database, writer, staff, model, name):
    action = actions_of(model)[name]
    with in_process.default_database(database):
        row = row_for(model, action)
    with serving_as(database, writer):
        client = Client()
        assert post_sign_in(client, staff.username, PASSWORD).status_code == 302
        answer = take(client, row, name, **form_of(action, row))
        if answer.streaming:
            assert b"".join(answer.streaming_content)
        else:
            assert answer.status_code == 302, answer.text
        entry = StaffLogEntry.objects.filter(action__endswith=f".{name}").latest("id")
        assert (entry.action, entry.subject_id) == (f"{model._meta.db_table}.{name}", str(row.pk))


def test_a_role_that_was_never_held(database, writer, staff):
    with in_process.default_database(database):
        row = baker.make(User)
    with serving_as(database, writer):
        client = Client()
        assert post_sign_in(client, staff.username, PASSWORD).status_code == 302
        data = {"role": "moderator", "until": "2999-12-31", "confirm": row.username}
        assert take(client, row, "grant_role", **data).status_code == 302


def test_every_column_that_is_granted_is_one_that_an_action_sets():
    """So that no privilege stays granted after an action was removed."""
    sign_in = {("users", name) for name in ("password_hash", "last_login_at")}
    roles = {("user_roles", name) for name in ("expires_at", "assigned_by_id")}
    revoke = {(table, "revoked_at") for table in ("user_sessions", "refresh_tokens")}
    email = {("users", "email"), *((table, "used_at") for table in
             ("email_verification_tokens", "password_reset_tokens"))}  # fmt: skip
    done = set(chain(sign_in, roles, revoke, email))
    for model, name in ACTIONS:
        action, table = actions_of(model)[name], model._meta.db_table
        done |= {(table, model._meta.get_field(column).column)
                 for column in getattr(action, "sets", ())}  # fmt: skip
        watched = {"deleted_at", "priority"}.intersection(action.watched)
        done |= {(table, column) for column in watched}
        if "deleted_at" in watched:
            done |= {(counted, counter.column) for counted, counter in counting(table)}
    granted = {(table, name) for table, names in written_columns().items() for name in names}
    assert {(table, name) for table, name in granted if name != "updated_at"} == done


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET username = 'somebody_else'",
        "UPDATE users SET role = 'super_admin'",
        "INSERT INTO users (email, username) VALUES ('b@example.com', 'bob')",
        "DELETE FROM users",
        "DELETE FROM user_roles",
        "UPDATE user_roles SET user_id = gen_random_uuid()",
        "INSERT INTO role_permissions (role_id, permission_id) SELECT role_id, permission_id"
        " FROM role_permissions",
        "UPDATE tracks SET title = ''",
        "SELECT access_token FROM federated_identities",
        "UPDATE refresh_tokens SET expires_at = now()",
        "UPDATE django.veza_site_stafflogentry SET reason = ''",
        "DELETE FROM django.veza_site_stafflogentry",
        "TRUNCATE django.veza_site_stafflogentry",
        "ALTER TABLE django.veza_site_stafflogentry DISABLE TRIGGER ALL",
        "CREATE TABLE django.child () INHERITS (django.veza_site_stafflogentry)",
        "SET session_replication_role = replica",
        "UPDATE django.veza_site_note SET text = ''",
        "UPDATE django.veza_site_jobrun SET seconds = 0",
        "UPDATE django.django_migrations SET name = ''",
        "CREATE TABLE public.mine (id int)",
        "CREATE TABLE django.mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE TRIGGER mine BEFORE UPDATE ON users EXECUTE FUNCTION update_updated_at_column()",
        "SELECT pg_advisory_lock(1)",
        "SELECT lo_create(0)",
    ],
)
def test_all_else_is_refused(writer, as_role, statement):
    with pytest.raises(DENIED):
        as_role(statement)


def test_what_is_only_added(writer, as_role):
    """It can insert and read entries, but cannot choose their key or their time."""
    insert = (
        "INSERT INTO django.veza_site_note ({}subject_table, subject_id, author_id, author_name,"
        " text) VALUES ({}'users', 'x', gen_random_uuid(), 'a', 'b')"
        " RETURNING created_at BETWEEN now() AND clock_timestamp()"
    )
    assert as_role(insert.format("", "")) == [(True,)]
    assert as_role(insert.format("created_at, ", "'2020-01-01', ")) == [(True,)]
    with pytest.raises(DENIED):
        as_role(insert.format("id, ", "-1, "))
    assert as_role(
        "SELECT DISTINCT written_by FROM django.veza_site_note WHERE subject_id = 'x'"
    ) == [(writer,)]
    assert as_role(f"SELECT count(*) FROM django.{JobRun._meta.db_table}") == [(0,)]


def test_no_screen_is_left_out():
    assert {model for model in admin.site._registry if getattr(admin.site._registry[model],
            "row_actions", ())} == {model for model, _ in ACTIONS}  # fmt: skip


def test_a_session_keeps_its_limits(writer, as_role):
    assert as_role("SHOW statement_timeout") == [("10s",)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role("ALTER ROLE CURRENT_USER SUPERUSER")
