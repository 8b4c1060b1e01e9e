"""Roles, permissions, profiles and settings; the rows that RBAC begins with."""

from django.conf import settings
from django.db import migrations, models

from veza_core.db.constraints import one_of
from veza_core.db.fields import CascadeKey, SetNullKey, base_columns
from veza_core.db.indexes import index_on, unique_on
from veza_core.db.operations import LARGE, SetStorageParameters
from veza_core.db.text_checks import not_blank
from veza_core.db.value_checks import day, json_object, moment

# A permission for each table and action, the permission to enter the admin, and the roles of staff with
# what each may do. Identifiers are random, as everywhere: code names these rows by `name`.
REFERENCE_ROWS = """
INSERT INTO public.permissions (name, resource, action, description)
SELECT format('%s.%s', resource, action), resource, action,
    format('%s rows of %s', initcap(action), resource)
FROM unnest(ARRAY[
    'users', 'federated_identities', 'refresh_tokens', 'password_reset_tokens',
    'email_verification_tokens', 'user_sessions', 'roles', 'permissions',
    'user_roles', 'role_permissions', 'user_profiles', 'user_settings',
    'tracks', 'track_versions', 'playlists', 'playlist_tracks',
    'playlist_collaborators', 'playlist_follows', 'track_plays', 'track_likes',
    'track_shares', 'track_comments', 'track_history', 'playback_analytics',
    'hls_streams', 'hls_transcode_queue', 'bitrate_adaptation_logs', 'rooms'
]) AS resource
CROSS JOIN unnest(ARRAY['read', 'create', 'update', 'delete']) AS action;

INSERT INTO public.permissions (name, resource, action, description)
VALUES
    ('admin.access', 'admin', 'access', 'Enter the support admin'),
    ('personal_data.access', 'personal_data', 'access', 'Export all data that is held on one user'),
    ('second_factors.delete', 'second_factors', 'delete', 'Reset the second factor of a colleague');

INSERT INTO public.roles (name, display_name, description, is_system)
VALUES
    ('support', 'Support', 'Helps users: reads everything, unlocks accounts', true),
    ('moderator', 'Moderator', 'Also takes content down and bans accounts', true),
    ('admin', 'Administrator', 'Does everything that the admin offers', true);

INSERT INTO public.role_permissions (role_id, permission_id)
SELECT roles.id, permissions.id
FROM public.roles
JOIN public.permissions ON
    roles.name = 'admin'
    OR permissions.action = 'read'
    OR permissions.name = 'admin.access'
    OR (
        permissions.action = 'update'
        AND permissions.resource IN (
            'users', 'refresh_tokens', 'user_sessions', 'hls_transcode_queue'
        )
    )
    OR (
        roles.name = 'moderator'
        AND permissions.action IN ('update', 'delete')
        AND permissions.resource IN (
            'tracks', 'playlists', 'track_comments', 'track_shares', 'rooms'
        )
    );
"""


class Migration(migrations.Migration):
    dependencies = [("veza_core", "010_auth_and_users")]

    operations = [
        migrations.CreateModel(
            name="Role",
            fields=base_columns(
                name=models.CharField(db_comment="Name in code, such as moderator", max_length=50),
                display_name=models.CharField(db_comment="Name that people see", max_length=100),
                description=models.TextField(
                    blank=True, db_comment="What users with this role do", null=True
                ),
                is_system=models.BooleanField(
                    db_comment="True: part of the platform, must not be removed", db_default=False
                ),
            ),
            options={
                "db_table": "roles",
                "db_table_comment": "Named sets of permissions that users have",
                "constraints": [
                    unique_on("roles", "name"),
                    not_blank("roles", "name"),
                    not_blank("roles", "display_name"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Permission",
            fields=base_columns(
                name=models.CharField(
                    db_comment="Name in code: <resource>.<action>", max_length=100
                ),
                resource=models.CharField(
                    db_comment="A table, or a part of the platform", max_length=50
                ),
                action=models.CharField(
                    db_comment="read, create, update, delete, access", max_length=50
                ),
                description=models.TextField(blank=True, db_comment="What it allows", null=True),
            ),
            options={
                "db_table": "permissions",
                "db_table_comment": "Permissions to take an action on a resource",
                "constraints": [
                    unique_on("permissions", "name"),
                    unique_on("permissions", "resource", "action"),
                    not_blank("permissions", "name"),
                    not_blank("permissions", "resource"),
                    not_blank("permissions", "action"),
                ],
            },
        ),
        migrations.CreateModel(
            name="UserRoleAssignment",
            fields=base_columns(
                user=CascadeKey(
                    db_comment="Who has the role",
                    related_name="role_assignments",
                    to=settings.AUTH_USER_MODEL,
                ),
                role=CascadeKey(
                    db_comment="The role that the user has",
                    related_name="assignments",
                    to="veza_core.role",
                ),
                assigned_by=SetNullKey(
                    db_comment="Who granted it; NULL: the platform, or a permanently deleted account",
                    related_name="roles_assigned",
                    to=settings.AUTH_USER_MODEL,
                ),
                expires_at=models.DateTimeField(
                    blank=True, db_comment="When it ends; NULL: never", null=True
                ),
            ),
            options={
                "db_table": "user_roles",
                "verbose_name": "granted role",
                "db_table_comment": "Which user has which role",
                "indexes": [
                    index_on("user_roles", "role_id", "-created_at"),
                    index_on("user_roles", "assigned_by_id"),
                ],
                "constraints": [
                    unique_on("user_roles", "user_id", "role_id"),
                    moment("user_roles", "expires_at"),
                ],
            },
        ),
        migrations.CreateModel(
            name="RolePermission",
            fields=base_columns(
                role=CascadeKey(
                    db_comment="The role that gives it",
                    related_name="role_permissions",
                    to="veza_core.role",
                ),
                permission=CascadeKey(
                    db_comment="The permission that it gives",
                    related_name="role_permissions",
                    to="veza_core.permission",
                ),
            ),
            options={
                "db_table": "role_permissions",
                "verbose_name": "permission of a role",
                "verbose_name_plural": "permissions of roles",
                "db_table_comment": "Which role gives which permission",
                "indexes": [index_on("role_permissions", "permission_id")],
                "constraints": [unique_on("role_permissions", "role_id", "permission_id")],
            },
        ),
        migrations.CreateModel(
            name="UserProfile",
            fields=base_columns(
                user=CascadeKey(
                    db_comment="Whose profile it is",
                    related_name="profiles",
                    to=settings.AUTH_USER_MODEL,
                ),
                display_name=models.CharField(
                    blank=True,
                    db_comment="Shown in place of the username",
                    max_length=100,
                    null=True,
                ),
                first_name=models.CharField(
                    blank=True, db_comment="Given name", max_length=100, null=True
                ),
                last_name=models.CharField(
                    blank=True, db_comment="Family name", max_length=100, null=True
                ),
                bio=models.TextField(
                    blank=True, db_comment="About the user, in their words", null=True
                ),
                avatar_url=models.TextField(blank=True, db_comment="Picture", null=True),
                banner_url=models.TextField(
                    blank=True, db_comment="Picture above the profile", null=True
                ),
                location=models.CharField(
                    blank=True,
                    db_comment="Location, in the user's words",
                    max_length=100,
                    null=True,
                ),
                website_url=models.TextField(
                    blank=True, db_comment="The user's own site", null=True
                ),
                birthdate=models.DateField(blank=True, db_comment="Date of birth", null=True),
                gender=models.CharField(
                    blank=True, db_comment="In the user's words", max_length=20, null=True
                ),
                social_links=models.JSONField(
                    blank=True, db_comment="Object: network to address", db_default={}
                ),
                is_public=models.BooleanField(
                    db_comment="Whether others see the profile", db_default=True
                ),
            ),
            options={
                "db_table": "user_profiles",
                "verbose_name": "profile",
                "db_table_comment": "What users show to others, at most one row for each user",
                "constraints": [
                    unique_on("user_profiles", "user_id"),
                    not_blank("user_profiles", "display_name"),
                    not_blank("user_profiles", "first_name"),
                    not_blank("user_profiles", "last_name"),
                    day("user_profiles", "birthdate"),
                    json_object("user_profiles", "social_links"),
                ],
            },
        ),
        migrations.CreateModel(
            name="UserSettings",
            fields=base_columns(
                user=CascadeKey(
                    db_comment="Whose settings they are",
                    related_name="settings",
                    to=settings.AUTH_USER_MODEL,
                ),
                language=models.CharField(
                    db_comment="BCP 47 language tag", db_default="en", max_length=10
                ),
                timezone=models.CharField(
                    db_comment="IANA time zone", db_default="UTC", max_length=64
                ),
                theme=models.CharField(
                    db_comment="Colours: system, light or dark", db_default="system", max_length=20
                ),
                email_notifications=models.BooleanField(
                    db_comment="Whether to notify by e-mail", db_default=True
                ),
                push_notifications=models.BooleanField(
                    db_comment="Whether to notify on devices", db_default=True
                ),
                notification_preferences=models.JSONField(
                    blank=True, db_comment="Object: kind of notification to channels", db_default={}
                ),
                privacy_preferences=models.JSONField(
                    blank=True, db_comment="Object: what others may see", db_default={}
                ),
            ),
            options={
                "db_table": "user_settings",
                "verbose_name": "settings",
                "verbose_name_plural": "settings",
                "db_table_comment": "Settings of users, at most one row for each user",
                "constraints": [
                    unique_on("user_settings", "user_id"),
                    one_of("user_settings", "theme", ["system", "light", "dark"]),
                    json_object("user_settings", "notification_preferences"),
                    json_object("user_settings", "privacy_preferences"),
                ],
            },
        ),
        migrations.RunSQL(REFERENCE_ROWS),
        SetStorageParameters("user_profiles", **LARGE),
        SetStorageParameters("user_settings", **LARGE),
    ]
