"""The columns that this project never shows, exports, logs or searches by.

Each model declares its own (`BaseModel.secret_columns`). Import this module after the models.
"""

from django.apps import apps

#: Table to columns. The admin defers them, and its login role for reading (`manage.py sync_roles`)
#: has no grant on them.
SECRET_COLUMNS: dict[str, frozenset[str]] = {
    model._meta.db_table: columns
    for model in apps.get_models()
    if (columns := getattr(model, "secret_columns", None))
}
