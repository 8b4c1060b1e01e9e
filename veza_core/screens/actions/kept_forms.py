"""Restores what somebody typed or ticked, if their session ended before they sent it.

Each form of the admin contains, signed, the account that it was made for. Only such a form is kept,
in the session of the next sign-in, and only for that account. So nobody can fill sessions from
outside, and nobody on a shared computer finds what a colleague typed.
"""

from typing import Any

from django.core import signing
from django.http import QueryDict

from veza_core.access import StaffRequest

#: In the form, and in the session.
FIELD, KEPT = "typed_by", "typed"
SALT = "veza.typed"

#: Seconds for which an open page stays valid.
MAX_AGE = 24 * 3600

#: The page's message then.
BACK = "Your session had ended. Here is what you typed: check it, and send it again."

#: The message about a choice of rows.
CHOSEN = "Your session had ended. Here is what you chose in the list: check it."

#: What is not kept: a code is valid once, and the CSRF token belongs to the session.
NOT_KEPT = ("csrfmiddlewaretoken", "code", FIELD)


def stamp(request: StaffRequest) -> str:
    """The value of `FIELD` in a form for this user; empty without a user."""
    user = request.access.user
    return signing.dumps(str(user.pk), salt=SALT) if user.pk else ""


def keep(request: StaffRequest) -> bool:
    """Keep what was posted; return whether it was a form of ours."""
    try:
        account = signing.loads(request.POST.get(FIELD, ""), salt=SALT, max_age=MAX_AGE)
    except signing.BadSignature:
        return False
    fields = request.POST.copy()
    for name in NOT_KEPT:
        fields.pop(name, None)
    request.session[KEPT] = {
        "by": account,
        "path": request.get_full_path(),
        "fields": fields.urlencode(),
    }
    return True


def take(request: StaffRequest) -> QueryDict | None:
    """What the user had typed at this URL, once; None if nothing."""
    stored: Any = request.session.get(KEPT)
    if stored is None or stored["path"] != request.get_full_path():
        return None
    del request.session[KEPT]
    if stored["by"] != str(request.access.user.pk):
        return None
    return QueryDict(stored["fields"])
