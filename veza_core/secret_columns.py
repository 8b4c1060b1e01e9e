"""The columns that nothing of this project shows, exports, logs or searches by.

Each model says which of its own they are (`BaseModel.secret_columns`). To be imported once the
models are there.
"""

from django.apps import apps

#: Table to columns. The admin defers them, and the login role that it reads over
#: (`manage.py sync_roles`) has no grant on them.
SECRET_COLUMNS: dict[str, frozenset[str]] = {
    model._meta.db_table: columns
    for model in apps.get_models()
    if (columns := getattr(model, "secret_columns", None))
}
