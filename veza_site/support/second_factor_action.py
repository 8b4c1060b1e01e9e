"""Resets a colleague's second factor, if the authenticator and the recovery codes are lost."""

from veza_core.access import ENTER, Access
from veza_core.admin.account_actions import NEXT_VERSION, SignsOut
from veza_core.admin.standing import standing_of
from veza_core.models import User, UserRole
from veza_core.screens.actions.action import Change, ChangeContext
from veza_site.support import second_factor


class ResetSecondFactor(SignsOut):
    """For accounts that may enter the admin. The next sign-in sets up a new second factor."""

    name = "reset_second_factor"
    label = "Reset the second factor"
    done = "Reset the second factor of"
    explanation = (
        "The authenticator and the recovery codes stop working, and your colleague is signed out "
        "everywhere. At the next sign-in the password is enough to set up a new authenticator, so "
        "make sure first, by a call or in person, that your colleague is asking. "
        "This cannot be undone."
    )
    permissions = (*SignsOut.permissions, "second_factors.delete")
    sets = {"token_version": NEXT_VERSION}
    watched = ("token_version",)
    in_lists = False

    def applies(self, row: User) -> bool:
        standing = standing_of(row)
        is_staff = ENTER in standing.permissions or standing.kind == UserRole.SUPER_ADMIN
        return is_staff and super().applies(row)

    def why_pointless(self, access: Access, row: User) -> str:
        if second_factor.is_enrolled(row):
            return ""
        return f"{row} has no second factor: there is nothing to reset."

    def change(self, row: User, work: ChangeContext) -> Change:
        second_factor.remove(row)
        own = super().change(row, work)
        return Change(
            {**own.before, "second_factor": "set up"}, {**own.after, "second_factor": "none"}
        )
