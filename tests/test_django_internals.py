"""The undocumented parts of Django that we use are as they were at the last review."""

import ast
import importlib
import inspect
import pkgutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils.module_loading import import_string

from tests.django_internals import INTERNALS, Internal

APPS = (*settings.PUBLIC_SCHEMA_APPS, "veza_site", "veza_demo")

#: Attributes with a leading underscore that Django documents ("Model _meta API", "Managers",
#: "Model instance reference").
DOCUMENTED = {"_meta", "_base_manager", "_state", "_default_manager"}

#: Of the source of each, as of Django 6.1.3.
FINGERPRINTS: dict[str, str] = {
    "django.db.migrations.executor.MigrationExecutor._create_project_state": "73fbc3c1c174",
    "django.db.migrations.executor.MigrationExecutor.apply_migration": "5a985cf34710",
    "django.db.migrations.executor.MigrationExecutor.migrate": "a06b4afabad8",
    "django.db.migrations.executor.MigrationExecutor.record_migration": "d94d56af1528",
    "django.db.migrations.state.ProjectState.reload_model": "c381c7527cc0",
    "django.db.migrations.state.ProjectState.reload_models": "a707dba45504",
    "django.db.migrations.state.ProjectState._reload": "849340d844b1",
    "django.db.migrations.utils.resolve_relation": "01a1e4d4ddc8",
    "django.db.models.utils.make_model_tuple": "d6643fccf569",
    "django.core.management.commands.migrate.Command.handle": "6702070f29ab",
    "django.core.management.commands.migrate.Command.sync_apps": "51b3f8600c72",
    "django.core.management.sql.emit_pre_migrate_signal": "66a40a5589fd",
    "django.core.management.sql.emit_post_migrate_signal": "dd2984bdbdaf",
    "django.db.backends.postgresql.base.DatabaseWrapper.get_connection_params": "c3b08b880d60",
    "django.db.backends.postgresql.base.DatabaseWrapper.init_connection_state": "12b01188fb5e",
    "django.db.backends.base.base.BaseDatabaseWrapper._commit": "8ebc361e1e8f",
    "django.db.backends.postgresql.client.DatabaseClient.settings_to_cmd_args_env": "587be91cc006",
    "django.db.backends.postgresql.operations.DatabaseOperations.deferrable_sql": "778232f1c936",
    "django.db.backends.postgresql.operations.DatabaseOperations.sql_flush": "358e775d8228",
    "django.db.backends.postgresql.operations.DatabaseOperations.compose_sql": "59b84112449e",
    "django.db.backends.postgresql.schema.DatabaseSchemaEditor.sql_create_column_inline_fk": "e21faf6608d2",  # noqa: E501
    "django.db.backends.base.schema.BaseDatabaseSchemaEditor._alter_column_comment_sql": "a5caf86175ac",  # noqa: E501
    "django.db.backends.postgresql.schema.DatabaseSchemaEditor.sql_delete_fk": "934cd3f5aee1",
    "django.db.backends.base.schema.BaseDatabaseSchemaEditor.table_sql": "34f6a575c7a4",
    "django.db.backends.base.schema.BaseDatabaseSchemaEditor.create_model": "8e37abbc2c97",
    "django.db.backends.base.schema.BaseDatabaseSchemaEditor.add_field": "faf13caf9a8f",
    "django.db.backends.postgresql.schema.DatabaseSchemaEditor.execute": "cebd5803ca2a",
    "django.db.backends.base.schema.BaseDatabaseSchemaEditor._create_fk_sql": "00323c392914",
    "django.db.backends.base.schema.BaseDatabaseSchemaEditor._fk_constraint_name": "3148be700ab0",
    "django.db.backends.ddl_references.ForeignKeyName": "2cbb4054b8e3",
    "django.db.backends.postgresql.psycopg_any.BaseTzLoader": "99ca360cc613",
    "django.contrib.auth.base_user.AbstractBaseUser._password": "dc937b598926",
    "django.contrib.auth.base_user.AbstractBaseUser._get_session_auth_hash": "e49ad9af5cfa",
    "django.contrib.sessions.backends.db.SessionStore._get_session_from_db": "775c8d22becd",
    "django.db.models.query.QuerySet.__init__": "71da62dfd4cc",
    "django.db.models.query.ModelIterable": "b14c36cc3051",
    "django.db.models.sql.query.Query.get_compiler": "e4f5a2509c95",
    "django.db.models.fields.tuple_lookups.TupleGreaterThan": "f8b89a377279",
    "django.db.models.fields.tuple_lookups.TupleLessThan": "c0f6e69b867c",
    "django.db.models.fields.tuple_lookups.TupleGreaterThanOrEqual": "50f5313c9adf",
    "django.db.models.fields.tuple_lookups.TupleLessThanOrEqual": "0f456e1eba5a",
    "django.contrib.admin.views.main.ChangeList.__init__": "1e3d4993cb7f",
    "django.contrib.admin.views.main.ChangeList.get_results": "c2b92357df23",
    "django.contrib.admin.options.ModelAdmin.changelist_view": "d82cb49c1de1",
    "django.contrib.admin.options.Action": "f88280bbfdb0",
    "django.contrib.admin.helpers.ACTION_CHECKBOX_NAME": "063675df77e0",
    "django.contrib.admin.sites.AdminSite.login": "4f793ed33a90",
    "django.contrib.admin.sites.AdminSite.each_context": "952a65f5608e",
    "django.views.debug.ExceptionReporter.get_traceback_html": "80ee5fb84670",
    "django.views.debug.ExceptionReporter.get_traceback_text": "3f8382c5f178",
    "django.core.management.commands.runserver.Command.run": "2a4489bf5bd3",
}


def found(path: str) -> Any:
    """What a dotted path names: in a module, or in a class of one."""
    try:
        return import_string(path)
    except ImportError:
        owner, name = path.rsplit(".", 1)
        return getattr(import_string(owner), name)


def fingerprint(path: str) -> str:
    thing = found(path)
    source = inspect.getsource(thing) if callable(thing) else repr(thing)
    return sha256(source.encode()).hexdigest()[:12]


@pytest.mark.parametrize("internal", INTERNALS, ids=lambda internal: internal.path)
def test_it_is_what_was_read(internal: Internal):
    assert fingerprint(internal.path) == FINGERPRINTS.get(internal.path), (
        f"Django changed {internal.path}, which {internal.used_in} uses ({internal.why}). "
        f"Read the change and run the tests of that module; then the fingerprint here is "
        f"{fingerprint(internal.path)!r}."
    )


def test_fingerprints_are_of_what_is_used():
    assert set(FINGERPRINTS) == {internal.path for internal in INTERNALS}


@pytest.mark.parametrize("internal", INTERNALS, ids=lambda internal: internal.path)
def test_it_is_used_where_it_says(internal: Internal):
    module: Any = importlib.import_module(internal.used_in)
    assert internal.written in Path(module.__file__).read_text()


def test_all_private_names_are_listed():
    """`row._something` if the row is Django's, and not of the class that uses it."""
    listed = {internal.written for internal in INTERNALS} | DOCUMENTED
    unlisted = {
        f"{path.relative_to(settings.BASE_DIR)}: {ast.unparse(node)}"
        for app in APPS
        for path in (settings.BASE_DIR / app).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"})
        and node.attr not in listed
    }
    assert unlisted == set()


def test_all_overridden_private_names_are_listed():
    listed = {internal.path for internal in INTERNALS}
    unlisted = {
        f"{ours.__module__}.{ours.__qualname__}.{name}"
        for ours in classes()
        for name in vars(ours)
        if name.startswith("_") and not name.startswith("__") and not name.endswith("_")
        for base in ours.__mro__[1:]
        if base.__module__.startswith("django.")
        and name in vars(base)
        and name != "_abc_impl"
        and f"{base.__module__}.{base.__qualname__}" not in listed
        and f"{base.__module__}.{base.__qualname__}.{name}" not in listed
        and name != "_meta"
    }
    assert unlisted == set()


def classes() -> list[type]:
    """The classes of all modules, but for migrations and the web server's own start."""
    found: list[type] = []
    for app in APPS:
        package: Any = importlib.import_module(app)
        for info in pkgutil.walk_packages(package.__path__, f"{app}."):
            if ".migrations" in info.name or info.name == "veza_site.wsgi":
                continue
            module = importlib.import_module(info.name)
            found += [
                one
                for one in vars(module).values()
                if inspect.isclass(one) and one.__module__ == info.name
            ]
    return found
