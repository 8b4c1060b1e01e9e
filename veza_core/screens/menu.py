"""The menu: all screens, under headings for staff, independent of the app."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst, slugify

from .labels import list_of
from .legible import escape
from .site import StaffSite


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A list, or a view of one, that a search for its name finds."""

    name: str
    #: The heading of the list; for a view, the name of its list.
    within: str
    url: str
    #: The name of its table, which staff see in the log.
    table: str = ""
    #: Whether the menu has it, and the search box suggests it while the user types.
    in_menu: bool = True

    def words(self) -> list[str]:
        """The words by whose beginnings it is found."""
        return _words(f"{self.name} {self.within} {self.table}")


def find_places(site: StaffSite, request: HttpRequest, text: str) -> Sequence[MenuEntry]:
    """The lists and views that the user may open and whose names match all words of the text.

    Words match by their beginnings. A list with exactly this name comes first.
    """
    wanted = _words(text)
    if not wanted:
        return []
    found = {
        place.url: place
        for place in _places(site, request)
        if all(any(word.startswith(one) for word in place.words()) for one in wanted)
    }
    return sorted(found.values(), key=lambda place: not is_named(place, text))


def is_named(place: MenuEntry, text: str) -> bool:
    """Whether the text is the whole name."""
    return text.casefold() in (place.name.casefold(), place.table)


def _places(site: StaffSite, request: HttpRequest) -> Iterator[MenuEntry]:
    for group in grouped(site, request):
        for entry in group["models"]:
            model = entry.get("model")
            table = model._meta.db_table if model else ""
            yield MenuEntry(entry["name"], group["name"], entry["admin_url"], table)
    for screen in site.screens():
        if screen.has_view_permission(request):
            within = capfirst(str(screen.opts.verbose_name_plural)) or ""
            for view in screen.views:
                url = list_of(screen.model, **view.query)
                yield MenuEntry(view.desk or view.label, within, url, in_menu=bool(view.desk))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


def headings() -> list[str]:
    """The headings that apps declare (`AppConfig.menu_groups`), in their order."""
    return [
        name for config in apps.get_app_configs() for name in getattr(config, "menu_groups", ())
    ]


def grouped(site: StaffSite, request: HttpRequest, label: str | None = None) -> list[Any]:
    """The screens that the user may open, in the form of `AdminSite.get_app_list`.

    In the order of the models, under the headings of the apps; `label`: only those of one app.
    """
    desk = [] if label else _desk(site, request)
    here = not any(entry["is_current"] for entry in desk)
    groups: dict[str, dict[str, Any]] = {}
    for model in apps.get_models():
        meta, screen = model._meta, site.screen_of(model)
        if screen is None or label not in (None, meta.app_label):
            continue
        if not screen.has_module_permission(request):
            continue
        name = screen.group
        if name not in groups:
            groups[name] = _group(name)
        address = list_of(model)
        groups[name]["models"].append(
            {
                "model": model,
                "name": capfirst(str(meta.verbose_name_plural)),
                "admin_url": address,
                "is_current": here and request.path.startswith(address),
            }
        )
    places = {name: place for place, name in enumerate(headings())}
    found = sorted(
        groups.values(),
        key=lambda group: (places.get(group["name"], len(places)), group["name"]),
    )
    return [{**_group("Desk"), "models": desk}, *found] if desk else found


def menu_html(groups: Sequence[dict[str, Any]], path: str) -> SafeString:
    """The menu of every page, from `grouped`; `path` is the page's. Not by a template: it has
    dozens of links.
    """
    parts = [f"<ul>{_link(start := reverse('admin:index'), 'Start', path == start)}</ul>"]
    for group in groups:
        heading = f"menu-{group['app_label']}"
        links = "\n".join(
            _link(entry["admin_url"], entry["name"], entry["is_current"])
            for entry in group["models"]
        )
        parts.append(
            f'<h2 id="{heading}">{escape(group["name"])}</h2>\n'
            f'<ul aria-labelledby="{heading}">\n{links}\n</ul>'
        )
    if not groups:
        parts.append("<p>Your roles do not allow you to read any table.</p>")
    return SafeString("\n".join(parts))


def _link(url: str, name: str, is_current: bool) -> str:
    current = ' aria-current="page"' if is_current else ""
    return f'<li><a href="{escape(url)}"{current}>{escape(name)}</a></li>'


def _desk(site: StaffSite, request: HttpRequest) -> list[dict[str, Any]]:
    """The everyday questions, each a view of a list."""
    return [
        {
            "name": view.desk,
            "admin_url": (address := list_of(screen.model, **view.query)),
            "is_current": request.get_full_path() == address,
        }
        for screen in site.screens()
        for view in screen.views
        if view.desk and screen.has_view_permission(request)
    ]


def _group(name: str) -> dict[str, Any]:
    return {"name": name, "app_label": slugify(name), "models": []}
