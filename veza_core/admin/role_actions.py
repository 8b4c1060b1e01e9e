"""Grants and withdraws roles. Nobody can grant or withdraw a role whose permissions they lack."""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib.postgres.functions import TransactionNow
from django.core.exceptions import ValidationError
from django.utils import timezone

from veza_core.access import Access
from veza_core.models import Role, User, UserRoleAssignment
from veza_core.screens.actions.action import Change, ChangeContext, ConflictError, RefusedError

from .account_actions import AccountAction
from .standing import live_roles, roles_for, standing_of

#: The last year in which a role may end.
LAST_YEAR = 9000


class RoleAction(AccountAction):
    """An action on the roles of an account."""

    in_lists = False
    #: The verb in "There is no role that you can grant here."
    verb: ClassVar[str]

    def state(self, row: User) -> list[Any]:
        """The roles as they were shown, because somebody else may have changed them."""
        return [(held.role_id, held.expires_at) for held in live_roles(row)]

    @abstractmethod
    def is_meant(self, role: Role, held: Collection[Any]) -> bool:
        """Whether a role can be chosen. `held` has the keys of the account's current roles."""

    def mine(self, access: Access, user: User) -> list[Role]:
        """The roles that can be chosen and whose permissions the staff member has.

        The role with the fewest permissions comes first.
        """
        held = standing_of(user).roles
        return [
            role
            for role, permissions in roles_for(user)
            if self.is_meant(role, held) and access.may_grant(permissions)
        ]

    def why_pointless(self, access: Access, row: User) -> str:
        return "" if self.mine(access, row) else f"There is no role that you can {self.verb} here."

    def fields(self, access: Access, rows: Sequence[Any]) -> dict[str, forms.Field]:
        mine = [(role.name, role.display_name) for role in self.mine(access, rows[0])]
        # No default: somebody who only reads the reason again would grant the first one.
        return {"role": forms.ChoiceField(choices=[("", "Choose a role"), *mine])}

    def chosen(self, row: User, work: ChangeContext) -> Role:
        """The chosen role; checks its permissions again."""
        mine = {role.name: role for role in self.mine(work.access, row)}
        role = mine.get(work.values["role"])
        if role is None:
            raise RefusedError(f"You cannot {self.verb} the role “{work.values['role']}”.")
        return role


class GrantRole(RoleAction):
    name = "grant_role"
    label = "Grant a role"
    done = "Granted a role to"
    verb = "grant"
    explanation = (
        "The user gets all permissions of the role at once. You can only grant permissions that "
        "you have yourself."
    )
    permissions = ("user_roles.create",)
    undo = "withdraw_role"
    typed = "username"

    def is_meant(self, role: Role, held: Collection[Any]) -> bool:
        return role.pk not in held

    def fields(self, access: Access, rows: Sequence[Any]) -> dict[str, forms.Field]:
        until = forms.DateField(
            label="Valid through",
            required=False,
            widget=forms.DateInput({"type": "date"}),
            help_text="The last day, in UTC. Leave empty for no end date.",
            validators=[_not_past],
        )
        return {**super().fields(access, rows), "until": until}

    def change(self, row: User, work: ChangeContext) -> Change:
        role = self.chosen(row, work)
        until = work.values["until"]
        # Midnight in UTC, at the end of that day.
        expires_at = until and datetime.combine(until + timedelta(days=1), time.min, UTC)
        values = {"expires_at": expires_at, "assigned_by_id": work.access.user.pk}
        before = {"role": None}
        # A role that has ended still has its row, and user and role are unique together.
        ended = UserRoleAssignment.objects.filter(user_id=row.pk, role=role)
        if not ended.update(**values):
            UserRoleAssignment.objects.create(user_id=row.pk, role=role, **values)
        return Change(before, {"role": role.name, "expires_at": expires_at})

    def undo_values(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
        return {"role": str(after.get("role", ""))}


class WithdrawRole(RoleAction):
    name = "withdraw_role"
    label = "Withdraw a role"
    done = "Withdrew a role from"
    verb = "withdraw"
    explanation = (
        "The user loses the permissions of the role at the next request. The row stays as a "
        "record: the role gets an end date."
    )
    permissions = ("user_roles.delete",)
    undo = "grant_role"
    drastic = True

    def is_meant(self, role: Role, held: Collection[Any]) -> bool:
        return role.pk in held

    def change(self, row: User, work: ChangeContext) -> Change:
        role = self.chosen(row, work)
        held = UserRoleAssignment.objects.filter(user_id=row.pk, role=role).first()
        if held is None:
            raise ConflictError(f"{row} no longer has this role.")
        before = {"role": role.name, "expires_at": held.expires_at}
        held.expires_at = TransactionNow()
        held.save(update_fields=["expires_at"])
        return Change(before, {"role": None})

    def undo_values(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
        return {"role": str(before.get("role", "")), **_until(before.get("expires_at"))}


def _not_past(day: Any) -> None:
    if not timezone.now().astimezone(UTC).date() <= day or day.year > LAST_YEAR:
        raise ValidationError(
            f"The last day is today or later, and not after the year {LAST_YEAR}."
        )


def _until(expires_at: Any) -> dict[str, str]:
    """The last day before a moment, which the staff log stores as text."""
    if not expires_at:
        return {}
    moment = datetime.fromisoformat(str(expires_at)).astimezone(UTC)
    return {"until": (moment - timedelta(microseconds=1)).date().isoformat()}


ROLE_ACTIONS = (GrantRole(), WithdrawRole())
