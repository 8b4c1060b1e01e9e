"""Settings for `make erd`: the site's, with django-extensions, which draws the models.

Only here, because other commands of that package would drop objects of other services.
"""

from veza_site.settings import *  # noqa: F403 - the same settings
from veza_site.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_extensions"]
