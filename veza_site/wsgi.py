"""The entry point for a WSGI server."""

import os

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from veza_core.db.url import NO_DATABASE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")

application = get_wsgi_application()
if settings.DATABASES["default"]["NAME"] == "":
    # At the start, not with the first request.
    raise ImproperlyConfigured(NO_DATABASE)
