"""Roles and permissions. Migration 020 inserts the first rows."""

from django.db import models

from veza_core.db.fields import CascadeKey, SetNullKey
from veza_core.db.indexes import index_on, unique_on
from veza_core.db.text_checks import not_blank
from veza_core.db.value_checks import moment

from .base import BaseModel
from .users import User


class Role(BaseModel):
    """A named set of permissions that users can have."""

    name = models.CharField(max_length=50, db_comment="Name in code, such as moderator")
    display_name = models.CharField(max_length=100, db_comment="Name that people see")
    description = models.TextField(null=True, blank=True, db_comment="What users with this role do")
    is_system = models.BooleanField(
        db_default=False, db_comment="True: part of the platform, must not be removed"
    )

    class Meta:
        db_table = "roles"
        db_table_comment = "Named sets of permissions that users have"
        constraints = [
            unique_on("roles", "name"),
            not_blank("roles", "name"),
            not_blank("roles", "display_name"),
        ]

    def __str__(self) -> str:
        return self.display_name


class Permission(BaseModel):
    """The permission to take an action on a resource: `tracks.update`."""

    name = models.CharField(max_length=100, db_comment="Name in code: <resource>.<action>")
    resource = models.CharField(max_length=50, db_comment="A table, or a part of the platform")
    action = models.CharField(max_length=50, db_comment="read, create, update, delete, access")
    description = models.TextField(null=True, blank=True, db_comment="What it allows")

    class Meta:
        db_table = "permissions"
        db_table_comment = "Permissions to take an action on a resource"
        constraints = [
            unique_on("permissions", "name"),
            unique_on("permissions", "resource", "action"),
            not_blank("permissions", "name"),
            not_blank("permissions", "resource"),
            not_blank("permissions", "action"),
        ]

    def __str__(self) -> str:
        return self.name


class UserRoleAssignment(BaseModel):
    """A role of a user, permanently or until `expires_at`."""

    user = CascadeKey(User, related_name="role_assignments", db_comment="Who has the role")
    role = CascadeKey(Role, related_name="assignments", db_comment="The role that the user has")
    assigned_by = SetNullKey(
        User,
        related_name="roles_assigned",
        db_comment="Who granted it; NULL: the platform, or a permanently deleted account",
    )
    expires_at = models.DateTimeField(null=True, blank=True, db_comment="When it ends; NULL: never")

    class Meta:
        db_table = "user_roles"
        db_table_comment = "Which user has which role"
        verbose_name = "granted role"
        constraints = [
            unique_on("user_roles", "user_id", "role_id"),
            moment("user_roles", "expires_at"),
        ]
        indexes = [
            # The users with a role.
            index_on("user_roles", "role_id", "-created_at"),
            # What a member of staff granted.
            index_on("user_roles", "assigned_by_id"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.role_id}"


class RolePermission(BaseModel):
    """A permission of a role."""

    role = CascadeKey(Role, related_name="role_permissions", db_comment="The role that gives it")
    permission = CascadeKey(
        Permission, related_name="role_permissions", db_comment="The permission that it gives"
    )

    class Meta:
        db_table = "role_permissions"
        db_table_comment = "Which role gives which permission"
        verbose_name = "permission of a role"
        verbose_name_plural = "permissions of roles"
        constraints = [unique_on("role_permissions", "role_id", "permission_id")]
        indexes = [
            # The roles with a permission.
            index_on("role_permissions", "permission_id"),
        ]

    def __str__(self) -> str:
        return f"{self.role_id}: {self.permission_id}"
