"""Roles, permissions, and the users with roles."""

from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString

from veza_core.models import Permission, Role, RolePermission, UserRoleAssignment
from veza_core.screens.columns import computed
from veza_core.screens.display import badge
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.search.finders import same
from veza_core.screens.states import UNSORTED, boolean


@admin.register(Role)
class RoleAdmin(InspectionAdmin):
    group = "Access"
    columns = ("display_name", "name", "description", "is_system", "created_at")
    order = "name"
    states = (boolean("is_system"),)
    label = "display_name"
    finders = (same("name"),)
    personal = False


@admin.register(Permission)
class PermissionAdmin(InspectionAdmin):
    group = "Access"
    columns = ("name", "resource", "action", "description", "created_at")
    order = "name"
    keys = {"resource": UNSORTED}
    label = "name"
    finders = (same("name"),)
    personal = False


@admin.register(RolePermission)
class RolePermissionAdmin(InspectionAdmin):
    group = "Access"
    columns = ("id", "role", "permission", "created_at")
    order = "id"
    personal = False


@admin.register(UserRoleAssignment)
class UserRoleAssignmentAdmin(InspectionAdmin):
    group = "Access"
    columns = ("id", "user", "role", "state", "assigned_by", "created_at", "expires_at")
    order = "id"

    @computed("State", "expires_at")
    def state(self, row: Any) -> SafeString:
        if row.expires_at is not None and row.expires_at <= timezone.now():
            return badge("ended", tone="quiet")
        return badge("live")
