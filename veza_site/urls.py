"""The URLs of this project, except `/healthz` (veza_site.health).

The admin modules are imported here by name. Django's autodiscovery would run for every command, and
register screens of other apps, which do not check our permissions.
"""

from importlib import import_module
from importlib.util import find_spec

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView

for app in (*settings.PUBLIC_SCHEMA_APPS, "veza_site"):
    if find_spec(f"{app}.admin"):
        import_module(f"{app}.admin")

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
]
