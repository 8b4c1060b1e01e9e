"""Group 020: the roles of staff, and the profiles and settings of users.

roles, permissions and role_permissions have the rows that the migrations insert.
"""

import numpy as np

from veza_demo import words
from veza_demo.binary import PackedColumn, boolean, date, octets, text
from veza_demo.counts import table
from veza_demo.people import DAY, SYSTEM_ROLES

from .accounts import ADMIN, SUPPORT, role_of
from .base import Columns, Rows, sometimes

#: The account that gives all roles: the fourth of the known accounts.
SUPER_ADMIN_USER = 3


@table(rows=lambda counts: counts.staff * 2)
def user_roles(rows: Rows) -> Columns:
    """Two roles for each staff account: its own, and another one with an end."""
    world, number = rows.world, rows.numbers
    user = number // 2
    extra = number % 2 == 1
    own = np.minimum(role_of(rows, user), ADMIN) - SUPPORT
    role = np.where(extra, (own + 1) % len(SYSTEM_ROLES), own)
    start = world.user_start(user)
    ahead = rows.chance("ahead", 0.5)
    expires = np.where(ahead, world.now + 30 * DAY, start + 90 * DAY)
    giver = np.full_like(user, SUPER_ADMIN_USER)
    given = np.maximum(start, world.user_start(giver))
    return rows.key() | {
        "user_id": rows.refer("users", user),
        "role_id": octets(world.system_roles[role]),
        "assigned_by_id": rows.refer("users", giver).unless(user == giver),
        "expires_at": sometimes(expires, extra),
        **rows.times(given, given),
    }


def _optional(rows: Rows, column: PackedColumn, what: str, share: float) -> PackedColumn:
    """Return the column for this share of the rows, NULL for the others."""
    return column.unless(~rows.chance(what, share))


@table(rows=lambda counts: counts.users * 9 // 10)
def user_profiles(rows: Rows) -> Columns:
    """Nine in ten users have a profile."""
    world, number = rows.world, rows.numbers
    user = number + number // 9
    draws = world.draws("users")
    given = words.GIVEN_NAMES.take(draws.below("given name", user, len(words.GIVEN_NAMES)))
    family = words.FAMILY_NAMES.take(draws.below("family name", user, len(words.FAMILY_NAMES)))
    start = world.user_start(user)
    site = text("https://", rows.choose("site", words.THING), ".example.com/")
    picture = text("https://images.example.com/avatars/", rows.hexadecimal("avatar"), ".jpg")
    banner = text("https://images.example.com/banners/", rows.hexadecimal("banner"), ".jpg")
    born = start // DAY - 365 * 14 - rows.below("age", 365 * 50)
    return rows.key() | {
        "user_id": rows.refer("users", user),
        "display_name": _optional(rows, text(given, " ", family), "has name", 0.8),
        "first_name": _optional(rows, text(given), "has first", 0.7),
        "last_name": _optional(rows, text(family), "has last", 0.7),
        "bio": _optional(rows, text(rows.choose("bio", words.BIOS)), "has bio", 0.5),
        "avatar_url": _optional(rows, picture, "has avatar", 0.6),
        "banner_url": _optional(rows, banner, "has banner", 0.2),
        "location": _optional(rows, text(rows.choose("place", words.PLACES)), "has place", 0.4),
        "website_url": _optional(rows, site, "has site", 0.1),
        "birthdate": _optional(rows, date(born), "has birthdate", 0.5),
        "gender": _optional(rows, text(rows.choose("gender", words.GENDERS)), "has gender", 0.4),
        "social_links": PackedColumn((rows.choose_skewed("links", words.SOCIAL_LINKS),)),
        "is_public": boolean(~rows.chance("hidden", 0.08)),
        **rows.times(start, rows.between(start, world.user_end(user), "updated")),
    }


@table(rows=lambda counts: counts.users * 9 // 10)
def user_settings(rows: Rows) -> Columns:
    """Nine in ten users have settings."""
    world, number = rows.world, rows.numbers
    user = number + number // 9
    start = world.user_start(user)
    return rows.key() | {
        "user_id": rows.refer("users", user),
        "language": text(rows.choose("language", words.LANGUAGES)),
        "timezone": text(rows.choose("zone", words.TIME_ZONES)),
        "theme": text(rows.choose_skewed("theme", words.THEMES)),
        "email_notifications": boolean(rows.chance("email", 0.7)),
        "push_notifications": boolean(rows.chance("push", 0.8)),
        "notification_preferences": PackedColumn(
            (rows.choose_skewed("notifications", words.NOTIFICATIONS),)
        ),
        "privacy_preferences": PackedColumn((rows.choose_skewed("privacy", words.PRIVACY),)),
        **rows.times(start, rows.between(start, world.user_end(user), "updated")),
    }
