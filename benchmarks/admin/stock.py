"""The same tables under `/stock/`, each with a ModelAdmin that nobody has tuned.

Foreign keys are an exception: they are raw ids, because a list of all users would take too long.
"""

from typing import Any

from django.contrib import admin
from django.db.models import DateTimeField, ForeignKey
from django.http import HttpRequest
from django.urls import path

from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.states import DELETED
from veza_site import urls


class StockSite(admin.AdminSite):
    """A site that is open to everybody, because access is not measured."""

    def has_permission(self, request: HttpRequest) -> bool:
        return True

    def get_urls(self) -> Any:
        """Return Django's URLs, and those that the header of our templates needs."""
        named = [path(f"{name}/", self.index, name=name) for name in ("search", "sessions")]
        return [*named, *super().get_urls()]


class StockAdmin(admin.ModelAdmin):
    """The columns, filters and sections of our screen of the table, with Django's own features."""

    list_per_page = 50

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    has_change_permission = has_delete_permission = has_view_permission

    def has_add_permission(self, request: HttpRequest) -> bool:
        return True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def get_queryset(self, request: HttpRequest) -> Any:
        return self.model._base_manager.order_by("-created_at")


def of(screen: InspectionAdmin) -> type[StockAdmin]:
    """Return the stock admin of the table of one of our screens."""
    fields = {field.name: field for field in screen.model._meta.concrete_fields}
    states = [state.name for state in screen.states if state.name in fields]
    if DELETED in screen.parameters().states:
        states.append("deleted_at")
    return type(
        f"Stock{type(screen).__name__}",
        (StockAdmin,),
        {
            "list_display": [name for name in screen.columns if name in fields],
            "list_filter": [*states, "created_at"],
            "date_hierarchy": "created_at",
            "raw_id_fields": [
                name for name, field in fields.items() if isinstance(field, ForeignKey)
            ],
            "readonly_fields": [
                name for name, field in fields.items() if isinstance(field, DateTimeField)
            ],
        },
    )


site = StockSite(name="stock")
for model, screen in admin.site._registry.items():
    if isinstance(screen, InspectionAdmin):
        site.register(model, of(screen))

urlpatterns = [*urls.urlpatterns, path("stock/", site.urls)]
