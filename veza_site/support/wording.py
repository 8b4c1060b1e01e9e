"""The words for actions in the staff log: `users.ban` is "Banned"."""

from functools import cache

from veza_core.screens.actions.addresses import action_of
from veza_core.screens.display import words
from veza_core.screens.site import StaffSite

#: Actions that any table can have, by the end of their names.
ANY = {
    "view": "Looked at",
    "list": "Listed",
    "download": "Downloaded a value of",
    "export": "Exported",
    "exported": "Ended an export of",
    "note": "Noted on",
}

#: Actions that belong to no table.
OWN_WORDS = {
    "search": "Searched",
    "sign_in": "Signed in",
    "sign_out": "Signed out",
    "second_factor.enrol": "Set up a second factor",
    "second_factor.recover": "Used a recovery code",
    "second_factor.refuse": "Gave a wrong code",
}


@cache
def done(site: StaffSite, action: str) -> str:
    """An action in the past tense; an unknown one as it is stored."""
    if action in OWN_WORDS:
        return OWN_WORDS[action]
    table, _, name = action.rpartition(".")
    screen = site.screen_of_table(table)
    if screen is None:
        return action
    known = action_of(screen, name)
    return ANY.get(name) or (known.done.rstrip(":") if known else words(name))


def done_alone(site: StaffSite, action: str) -> str:
    """The same for a place where no object follows: "Added a note", without "on"."""
    text = done(site, action)
    before, _, last = text.rpartition(" ")
    return before if last in ("from", "of", "on", "to") else text
