"""All kinds of visitors: not signed in, without access, before the second factor, and each role."""

from collections.abc import Iterator

from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_totp.models import TOTPDevice
from model_bakery import baker

from veza_core.models import Permission, Role, RolePermission, User, UserRole, UserRoleAssignment
from veza_site.support import sessions

#: In the order of the tables in the tests. `half` has not passed the second factor, and `bare` has
#: only the permission to enter.
PEOPLE = ("anonymous", "stranger", "half", "bare", "support", "moderator", "admin", "super_admin")


def make(name: str) -> User:
    """Create a user with these permissions."""
    role = UserRole.SUPER_ADMIN if name in ("half", "super_admin") else UserRole.USER
    user = baker.make(User, username=name, email=f"{name}@example.com", role=role,
                      is_active=True, is_banned=False)  # fmt: skip
    if name == "bare":
        bare = baker.make(Role, name="bare")
        enter = Permission.objects.get(name="admin.access")
        baker.make(RolePermission, role=bare, permission=enter)
        baker.make(UserRoleAssignment, user=user, role=bare)
    if name in ("support", "moderator", "admin"):
        baker.make(UserRoleAssignment, user=user, role=Role.objects.get(name=name))
    return user


def sign_in(user: User, *, second_factor: bool = True) -> Client:
    """A client that is signed in."""
    client = Client()
    client.force_login(user, backend="veza_site.support.backend.SupportBackend")
    if second_factor:
        device = TOTPDevice.objects.create(user=user, confirmed=True)
        session = client.session
        session[DEVICE_ID_SESSION_KEY] = device.persistent_id
        sessions.second_factor_shown(session)
        session.save()
    return client


def client_of(name: str) -> Client:
    """A client with these permissions."""
    if name == "anonymous":
        return Client()
    return sign_in(make(name), second_factor=name != "half")


class Knocking:
    """Creates each client at its first use."""

    def __init__(self) -> None:
        self.clients: dict[str, Client] = {}

    def __call__(self, name: str) -> Client:
        if name not in self.clients:
            self.clients[name] = client_of(name)
        return self.clients[name]

    def everybody(self) -> Iterator[tuple[str, Client]]:
        """All clients, with their names."""
        for name in PEOPLE:
            yield name, self(name)
