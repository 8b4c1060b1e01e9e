"""Serves the static files by their names, and no list of them."""

from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage
from whitenoise.middleware import WhiteNoiseMiddleware


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """WhiteNoise, without the manifest: `collectstatic` writes it next to the files."""

    def add_file_to_dictionary(self, url: str, path: str, stat_cache: Any = None) -> None:
        if url != self.static_prefix + staticfiles_storage.manifest_name:  # type: ignore[attr-defined]
            super().add_file_to_dictionary(url, path, stat_cache=stat_cache)
