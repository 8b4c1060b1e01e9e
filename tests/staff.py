"""Staff accounts for tests of the admin, and their sign-in."""

from typing import Any

from django.test import Client
from model_bakery import baker

from veza_core.models import Role, User, UserRoleAssignment

PASSWORD = "correct horse"
LOGIN = "/admin/login/"


def make_user(username: str = "alice", **values: Any) -> User:
    """A user with a password and without permissions."""
    return User.objects.create_user(f"{username}@example.com", username, PASSWORD, **values)


def grant(user: User, role: str, **values: Any) -> UserRoleAssignment:
    """Give a user one of the roles that every database has."""
    return baker.make(UserRoleAssignment, user=user, role=Role.objects.get(name=role), **values)


def make_staff(role: str = "support", username: str = "alice", **values: Any) -> User:
    """A user with a staff role: support, moderator or admin."""
    user = make_user(username, **values)
    grant(user, role)
    return user


def signed_in(user: User) -> Client:
    """A client that is signed in as a user; by default, tests need no second factor."""
    client = Client()
    client.force_login(user, backend="veza_site.support.backend.SupportBackend")
    return client


def post_sign_in(client: Client, username: str, password: str = PASSWORD, **extra: Any) -> Any:
    """The answer of the sign-in page."""
    return client.post(LOGIN, {"username": username, "password": password}, **extra)
