"""The site of the support admin."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver
from django.utils.functional import cached_property

from veza_site.support.log import Subject, record


class SupportSite(AdminSite):
    """Django's admin, opened by the RBAC tables. Admin classes reach what is here by
    `self.admin_site`, since `veza_core` may not import this package.
    """

    site_header = "Veza support"
    site_title = "Veza support"
    index_title = "Overview"

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.access.may_enter)  # type: ignore[attr-defined]

    @cached_property
    def read_alias(self) -> str:
        """The database that admin classes read from: `queryset.using(self.admin_site.read_alias)`.

        `support`, over a role that cannot read secrets, where DATABASE_SUPPORT_URL is set.
        """
        return "support" if "support" in settings.DATABASES else "default"

    def record(
        self,
        request: HttpRequest,
        action: str,
        subject: Subject,
        *,
        reason: str = "",
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Add to the staff log: see `veza_site.support.log.record`."""
        record(request, action, subject, reason=reason, before=before, after=after)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Django's, without the change of one's own password, which is the Go API's business."""
        own = ("password_change", "password_change_done")
        return [url for url in super().get_urls() if getattr(url, "name", None) not in own]
