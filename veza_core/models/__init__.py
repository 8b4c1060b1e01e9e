"""Accounts, tokens, roles and profiles: the tables that every other app refers to."""

from .base import BaseModel, LiveManager, RestoreConflictError, SoftDeleteModel
from .profiles import UserProfile, UserSettings
from .rbac import Permission, Role, RolePermission, UserRoleAssignment
from .tokens import EmailVerificationToken, PasswordResetToken, RefreshToken, UserSession
from .users import FederatedIdentity, User, UserRole

__all__ = [
    "BaseModel",
    "EmailVerificationToken",
    "FederatedIdentity",
    "LiveManager",
    "PasswordResetToken",
    "Permission",
    "RefreshToken",
    "RestoreConflictError",
    "Role",
    "RolePermission",
    "SoftDeleteModel",
    "User",
    "UserProfile",
    "UserRole",
    "UserRoleAssignment",
    "UserSession",
    "UserSettings",
]
