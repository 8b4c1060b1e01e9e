"""What somebody typed or ticked comes back after the sign-in, when the session had ended.

Each form of the admin carries, signed, whose it is. Only such a form is kept, in the session that
the sign-in goes on with, and it is given to nobody but the account that it was made for. So nobody
fills sessions from outside, and on a shared computer nobody finds what a colleague typed.
"""

from typing import Any

from django.core import signing
from django.http import QueryDict

from veza_core.access import StaffRequest

#: In the form, and in the session.
FIELD, KEPT = "typed_by", "typed"
SALT = "veza.typed"

#: Seconds for which a page that was left open is good.
MAX_AGE = 24 * 3600

#: What the page says then.
BACK = "Your session had ended. Here is what you typed: check it, and send it again."

#: What it says of a choice of rows.
CHOSEN = "Your session had ended. Here is what you chose in the list: check it."

#: What is not kept: a code counts once, and the token against forged requests is the session's.
NOT_KEPT = ("csrfmiddlewaretoken", "code", FIELD)


def stamp(request: StaffRequest) -> str:
    """The value of `FIELD` in a form for who asks; empty for nobody."""
    user = request.access.user
    return signing.dumps(str(user.pk), salt=SALT) if user.pk else ""


def keep(request: StaffRequest) -> bool:
    """Keep what was posted; whether it was a form of ours."""
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
    """What who asks had typed at this address, once; None: nothing."""
    kept: Any = request.session.get(KEPT)
    if kept is None or kept["path"] != request.get_full_path():
        return None
    del request.session[KEPT]
    if kept["by"] != str(request.access.user.pk):
        return None
    return QueryDict(kept["fields"])
