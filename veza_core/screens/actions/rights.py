"""Who may act on whose account: nobody on their own, nobody on one that may more than they."""

from django.db.models import Q
from django.db.models.functions import Now

from veza_core.access import Access
from veza_core.models import Permission, Role, User, UserRole, UserRoleAssignment

from .action import RefusedError

#: Of `user_roles`: those that have not ended.
NOT_EXPIRED = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())


def live_roles(user: User) -> list[UserRoleAssignment]:
    """The roles that a user holds now, in whatever state the account is."""
    return list(
        UserRoleAssignment.objects.using("default")
        .filter(NOT_EXPIRED, user_id=user.pk)
        .select_related("role")
        .order_by("role__name")
    )


def permissions_of(roles: list[Role]) -> dict[str, frozenset[str]]:
    """Role name to the names of its permissions."""
    found: dict[str, set[str]] = {role.name: set() for role in roles}
    for role, permission in (
        Permission.objects.using("default")
        .filter(role_permissions__role__in=roles)
        .values_list("role_permissions__role__name", "name")
    ):
        if role in found:
            found[role].add(permission)
    return {role: frozenset(names) for role, names in found.items()}


def refuse_self(access: Access, user: User) -> None:
    """Raise `RefusedError` when somebody acts on their own account."""
    if access.user.pk == user.pk:
        raise RefusedError(
            "This is your own account. Ask a colleague: you cannot act on your own account."
        )


def refuse_greater(access: Access, user: User) -> None:
    """Raise `RefusedError` for an account that may what `access` may not.

    Rights count which the account would have once it is reactivated or unbanned. The other
    services give `users.role` rights of their own: it counts as the role of that name.
    """
    kind = Role.objects.using("default").filter(name=user.role)
    held = permissions_of([*(assignment.role for assignment in live_roles(user)), *kind])
    rights: frozenset[str] = frozenset().union(*held.values())
    is_super = user.role == UserRole.SUPER_ADMIN
    if (is_super and not access.is_super) or not access.may_grant(rights):
        raise RefusedError(
            f"{user.username} has rights here that you do not have. "
            "Ask a colleague who holds all of those rights."
        )
