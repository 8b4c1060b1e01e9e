"""The models after each migration of a run, each rendered as rarely as possible."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.db.migrations.state import ProjectState
from django.db.migrations.utils import resolve_relation
from django.db.models.utils import make_model_tuple

from veza_core.schema.v1 import Key


class RunState(ProjectState):
    """The state of a run, from its first migration to its last.

    If a model changes, Django renders every model again that has a relation to it, in either
    direction. It leaves some others out of date until an operation asks for all of them (`delay`;
    Django tickets 22608 and 27666). This state renders only the models that refer to the changed
    one, because their foreign keys contain its class, and leaves nothing out of date.

    A model that the changed one refers to stays, and gets the new reverse accessor, as it does when
    a module is imported. The state before an operation shares this class, so it also has the
    accessor; no operation uses it there. Clones are Django's own states, and render as Django does.
    """

    _reload: Callable[[set[Key]], None]

    def reload_model(self, app_label: str, model_name: str, delay: bool = False) -> None:
        """Render the model again, and all that refer to it, directly or indirectly."""
        if "apps" not in self.__dict__:  # nothing is rendered yet
            return
        stale = self._referring_to((app_label, model_name))
        for key in list(stale):
            try:
                model = self.apps.get_model(*key)
            except LookupError:
                continue
            # This caches the relations of the old model, which operations read later. The model is
            # then no longer registered, and would find no relation to itself.
            model._meta.get_fields(include_hidden=True)
            # The many-to-many tables that Django creates are created again with the model.
            for field in model._meta.local_many_to_many:
                through = field.remote_field.through
                if through and through._meta.auto_created:
                    stale.add((through._meta.app_label, through._meta.model_name))
        self._reload(stale)

    def reload_models(self, models: Any, delay: bool = True) -> None:
        """Render all models with a relation to a renamed model together."""
        super().reload_models(models, delay=False)

    def _referring_to(self, key: Key) -> set[Key]:
        referring: dict[Key, set[Key]] = defaultdict(set)
        for own, model in self.models.items():
            for base in model.bases:
                if isinstance(base, str):
                    referring[make_model_tuple(base)].add(own)
            for field in model.fields.values():
                if relation := field.remote_field:
                    referring[resolve_relation(relation.model, *own)].add(own)
                    if through := getattr(relation, "through", None):
                        referring[resolve_relation(through, *own)].add(own)
        found, queue = {key}, [key]
        while queue:
            new = referring[queue.pop()] - found
            found |= new
            queue.extend(new)
        return found
