"""Who is staff: roles that the command line grants and prolongs."""

from datetime import datetime

from django.db import transaction

from veza_core.errors import ClearError
from veza_core.models import Role, User, UserRoleAssignment
from veza_site.support.log import record_command

#: The roles that migration 020 inserts, in ascending order.
STAFF_ROLES = ("support", "moderator", "admin")


class GrantError(ClearError):
    """Somebody cannot get a role; the message says why, and what to do."""


def find_user(identifier: str) -> User:
    """The live user with that e-mail or username. Raises `GrantError` if there is none."""
    try:
        return User.objects.get_by_natural_key(identifier)
    except User.DoesNotExist:
        raise GrantError(
            f"there is no live user {identifier!r}: give the whole e-mail or username"
        ) from None


def hindrance(user: User) -> str:
    """Why the user could not sign in even with a role; empty if nothing prevents it."""
    if user.is_banned:
        return "is banned"
    if not user.is_active:
        return "is deactivated"
    if not user.has_usable_password():
        return "has no password"
    return ""


def grant_role(user: User, name: str, expires_at: datetime | None, command: str) -> str:
    """Grant a role, or change its end; return a message. `command` is for the staff log.

    Raises `GrantError` for a user who could not sign in, or a role that the database lacks.
    """
    if hindered := hindrance(user):
        raise GrantError(f"{user} {hindered}, so the user could not sign in: change that first")
    role = Role.objects.filter(name=name).first()
    if role is None:
        raise GrantError(f"the database has no role {name}: run manage.py migrate")
    until = f"until {expires_at:%Y-%m-%d %H:%M %Z}" if expires_at else "permanently"
    with transaction.atomic():
        # One grant at a time for a user: two concurrent ones would insert the same row.
        User.objects.select_for_update().only("pk").get(pk=user.pk)
        held = UserRoleAssignment.objects.filter(user=user, role=role).first()
        if held is not None and held.expires_at == expires_at:
            return f"{user} has role {name} {until} already: nothing to do"
        before = {"role": name, "expires_at": held.expires_at} if held else None
        UserRoleAssignment.objects.update_or_create(
            user=user, role=role, defaults={"expires_at": expires_at}
        )
        after = {"role": name, "expires_at": expires_at}
        record_command(command, "user_roles.grant", user, before=before, after=after)
    return f"{user} has role {name} {until}{' now' if held else ''}"
