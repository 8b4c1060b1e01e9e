"""The entry point for a WSGI server."""

import os

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from veza_core.db.url import NO_DATABASE
from veza_site.checks import WITHOUT_KEY, secret_key

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")

application = get_wsgi_application()
if settings.DATABASES["default"]["NAME"] == "":
    # At the start, not with the first request.
    raise ImproperlyConfigured(NO_DATABASE)
# At the start, not with the first session.
if not secret_key():
    raise ImproperlyConfigured(WITHOUT_KEY)
