"""The head of a user's page: the person, what prevents a sign-in and why, and the permissions."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language_info

from veza_core.access import StaffRequest
from veza_core.counted import counted
from veza_core.models import User, UserRoleAssignment
from veza_core.screens.display import badge
from veza_core.screens.labels import link_html, url_of
from veza_core.screens.legible import name_html
from veza_core.screens.links import linked
from veza_core.screens.panels import RelatedPanel
from veza_core.screens.site import StaffSite
from veza_core.screens.units import exact, when

from .account_states import is_locked, is_suspended
from .standing import standing_of

#: States of an account: the column, its value (None: any value but NULL), the word, and the
#: actions that cause the state.
STATES = (
    ("is_banned", True, "Banned", ("users.ban",)),
    ("is_active", False, "Deactivated", ("users.deactivate",)),
    ("deleted_at", None, "Deleted", ("users.soft_delete",)),
)


def head(
    site: StaffSite, request: StaffRequest, user: User, panels: list[RelatedPanel]
) -> dict[str, Any]:
    """The context of `veza/user.html`, from panels that were read before."""
    rows: Mapping[str, Sequence[Any]] = {panel.table_name: panel.rows for panel in panels
                                     if panel.relation.key.name == "user"}  # fmt: skip
    profile = next(iter(rows.get("user_profiles", ())), None)
    settings = next(iter(rows.get("user_settings", ())), None)
    name = (profile and profile.display_name) or user.username
    facts = [
        ("Their time", _local_time(settings.timezone) if settings else "not known"),
        ("Language", _language(settings.language) if settings else "not known"),
        ("Signs in with", _signs_in_with(user, rows.get("federated_identities", ()))),
        ("Last sign-in", when(user.last_login) if user.last_login else "never"),
        ("Signed up", when(user.created_at)),
        ("Roles here", _roles(user, rows.get("user_roles", ()))),
    ]
    return {
        "who": {
            "name": name_html(name) if name != user.username else "",
            "initials": _initials(name),
        },
        "facts": facts,
        "explanations": list(_explanations(site, request, user)),
    }


def _initials(name: str) -> str:
    """The initials of the first two words that begin with a letter or digit."""
    words = [word for word in name.split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"


def _local_time(zone: str) -> str:
    """The user's local time; an unknown zone is shown as unknown."""
    try:
        now = timezone.now().astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"not known ({zone})"
    return f"{now:%H:%M}, {zone}"


def _language(code: str) -> str:
    """The name of a language, from the services' code: "Brazilian Portuguese"."""
    try:
        return f"{get_language_info(code.lower())['name']} ({code})"
    except KeyError:
        return code


def _signs_in_with(user: User, identities: Any) -> str:
    providers = sorted({each.provider for each in identities if each.deleted_at is None})
    if standing_of(user).has_password:
        return ", ".join(["a password", *providers])
    if not providers:
        return "cannot sign in: no password, and no identity at a provider"
    return f"no password, signs in with {', '.join(providers)}"


def _roles(user: User, assignments: Any) -> SafeString:
    """The current roles. Of the kinds of account, only super_admin gives permissions here."""
    if user.role == "super_admin":
        return format_html("{} has all permissions", badge("super_admin"))
    role: Any = UserRoleAssignment._meta.get_field("role")
    now = timezone.now()
    live = [each for each in assignments if each.expires_at is None or each.expires_at > now]
    roles = (
        (link_html(each, role), f" until {exact(each.expires_at)}" if each.expires_at else "")
        for each in live
    )
    return format_html_join(", ", "{}{}", roles) if live else SafeString("none")


def _explanations(site: StaffSite, request: StaffRequest, user: User) -> Iterator[SafeString]:
    """What prevents a sign-in, who did it, when and why."""
    for column, value, word, actions in STATES:
        state = getattr(user, column)
        if state != value if value is not None else state is None:
            continue
        entry = site.last_action(request, user, actions)
        if entry is None:
            since = f" {exact(state)}" if isinstance(state, datetime) else ""
            yield format_html("<b>{}</b>{}. The staff log does not say by whom.", word, since)
            continue
        yield format_html("<b>{}</b> {}", word, _by(entry, request))
    until: Any = user.locked_until
    if is_suspended(user):
        entry = site.last_action(request, user, ("users.suspend", "users.unlock"))
        if entry is not None and entry.action == "users.suspend":
            yield format_html("<b>Suspended</b> until {} {}", exact(until), _by(entry, request))
        else:
            yield format_html(
                "<b>Suspended</b> until {}. The staff log does not say by whom.",
                exact(until),
            )
    elif is_locked(user):
        yield format_html(
            "<b>Locked</b> until {}, after {}.",
            exact(until),
            counted(user.failed_login_count, "failed sign-in"),
        )


def _by(entry: Any, request: StaffRequest) -> SafeString:
    return format_html(
        'by {} on <a href="{}">{}</a> because “{}”',
        entry.staff_name,
        url_of(type(entry), entry.pk),
        exact(entry.created_at),
        linked(entry.reason, request),
    )
