"""Accounts of staff for the tests of the admin, and how they sign in."""

from typing import Any

from django.test import Client
from model_bakery import baker

from veza_core.models import Role, User, UserRoleAssignment

PASSWORD = "correct horse"
LOGIN = "/admin/login/"


def make_user(username: str = "alice", **values: Any) -> User:
    """A user with a password and no right."""
    return User.objects.create_user(f"{username}@example.com", username, PASSWORD, **values)


def grant(user: User, role: str, **values: Any) -> UserRoleAssignment:
    """Give a user one of the roles that every database has."""
    return baker.make(UserRoleAssignment, user=user, role=Role.objects.get(name=role), **values)


def make_staff(role: str = "support", username: str = "alice", **values: Any) -> User:
    """A user who holds a role of staff: support, moderator or admin."""
    user = make_user(username, **values)
    grant(user, role)
    return user


def signed_in(user: User) -> Client:
    """A client whose session is that of a user; the second factor is off in tests by default."""
    client = Client()
    client.force_login(user, backend="veza_site.support.backend.SupportBackend")
    return client


def post_sign_in(client: Client, username: str, password: str = PASSWORD, **extra: Any) -> Any:
    """What the sign-in page answers."""
    return client.post(LOGIN, {"username": username, "password": password}, **extra)
