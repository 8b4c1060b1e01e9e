"""Who may sign in to the support admin, and how the attempts are counted."""

from typing import Any

from django.http import HttpRequest

from veza_core.access import access_of
from veza_core.authentication import LiveUserBackend
from veza_core.models import User


class SupportBackend(LiveUserBackend):
    """Live users who hold `admin.access`. All others get the answer of a wrong password."""

    def may_sign_in(self, user: User) -> bool:
        """Whether the user may enter the support admin; asks the tables."""
        return access_of(user).may_enter


def counted_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """Under which name django-axes counts an attempt: the account's e-mail, or what was typed.

    E-mail and username of one account so share their attempts, and a sign-in clears both.
    """
    typed = (credentials or {}).get("username") or request.POST.get("username") or ""
    known: dict[str, str] = request.__dict__.setdefault("_counted_names", {})
    if typed not in known:
        try:
            known[typed] = User.objects.get_by_natural_key(typed).email
        except (User.DoesNotExist, ValueError):
            known[typed] = typed
    return known[typed][:255]
