"""The screens of profiles and settings."""

from django.contrib import admin

from veza_core.models import UserProfile, UserSettings
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.states import boolean


@admin.register(UserProfile)
class UserProfileAdmin(InspectionAdmin):
    group = "Accounts"
    columns = ("id", "user", "display_name", "location", "is_public", "created_at")
    order = "id"
    states = (boolean("is_public", "Public"),)
    sections = (
        ("Profile", ("user", "display_name", "first_name", "last_name", "bio", "location",
                     "birthdate", "gender", "is_public")),
        ("Addresses", ("avatar_url", "banner_url", "website_url", "social_links")),
    )  # fmt: skip


@admin.register(UserSettings)
class UserSettingsAdmin(InspectionAdmin):
    group = "Accounts"
    columns = ("id", "user", "language", "timezone", "theme", "email_notifications",
               "push_notifications", "updated_at")  # fmt: skip
    order = "id"
