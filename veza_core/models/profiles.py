"""What a user shows, and the user's settings.

There is at most one row for each user, by a unique constraint with our own name: Django's
OneToOneField would add another one, named `<table>_<column>_key`.
"""

from django.db import models

from veza_core.db.constraints import one_of
from veza_core.db.fields import CascadeKey
from veza_core.db.indexes import unique_on
from veza_core.db.text_checks import not_blank
from veza_core.db.value_checks import day, json_object

from .base import BaseModel
from .users import User


class UserProfile(BaseModel):
    """What a user shows to others. It is deleted with its user."""

    user = CascadeKey(User, related_name="profiles", db_comment="Whose profile it is")
    display_name = models.CharField(
        max_length=100, null=True, blank=True, db_comment="Shown in place of the username"
    )
    first_name = models.CharField(max_length=100, null=True, blank=True, db_comment="Given name")
    last_name = models.CharField(max_length=100, null=True, blank=True, db_comment="Family name")
    bio = models.TextField(null=True, blank=True, db_comment="About the user, in their words")
    avatar_url = models.TextField(null=True, blank=True, db_comment="Picture")
    banner_url = models.TextField(null=True, blank=True, db_comment="Picture above the profile")
    location = models.CharField(
        max_length=100, null=True, blank=True, db_comment="Location, in the user's words"
    )
    website_url = models.TextField(null=True, blank=True, db_comment="The user's own site")
    birthdate = models.DateField(null=True, blank=True, db_comment="Date of birth")
    gender = models.CharField(
        max_length=20, null=True, blank=True, db_comment="In the user's words"
    )
    social_links = models.JSONField(
        db_default={}, blank=True, db_comment="Object: network to address"
    )
    is_public = models.BooleanField(db_default=True, db_comment="Whether others see the profile")

    class Meta:
        db_table = "user_profiles"
        db_table_comment = "What users show to others, at most one row for each user"
        verbose_name = "profile"
        constraints = [
            unique_on("user_profiles", "user_id"),
            not_blank("user_profiles", "display_name"),
            not_blank("user_profiles", "first_name"),
            not_blank("user_profiles", "last_name"),
            day("user_profiles", "birthdate"),
            json_object("user_profiles", "social_links"),
        ]

    def __str__(self) -> str:
        return self.display_name or str(self.user_id)


class UserSettings(BaseModel):
    """The settings of a user."""

    user = CascadeKey(User, related_name="settings", db_comment="Whose settings they are")
    language = models.CharField(max_length=10, db_default="en", db_comment="BCP 47 language tag")
    timezone = models.CharField(max_length=64, db_default="UTC", db_comment="IANA time zone")
    theme = models.CharField(
        max_length=20, db_default="system", db_comment="Colours: system, light or dark"
    )
    email_notifications = models.BooleanField(
        db_default=True, db_comment="Whether to notify by e-mail"
    )
    push_notifications = models.BooleanField(
        db_default=True, db_comment="Whether to notify on devices"
    )
    notification_preferences = models.JSONField(
        db_default={}, blank=True, db_comment="Object: kind of notification to channels"
    )
    privacy_preferences = models.JSONField(
        db_default={}, blank=True, db_comment="Object: what others may see"
    )

    class Meta:
        db_table = "user_settings"
        db_table_comment = "Settings of users, at most one row for each user"
        verbose_name = "settings"
        verbose_name_plural = "settings"
        constraints = [
            unique_on("user_settings", "user_id"),
            one_of("user_settings", "theme", ["system", "light", "dark"]),
            json_object("user_settings", "notification_preferences"),
            json_object("user_settings", "privacy_preferences"),
        ]

    def __str__(self) -> str:
        return str(self.user_id)
