"""The undocumented parts of Django that this project uses, and that may change at any time.

`INTERNALS` names each, says where it is used, and why. tests/test_django_internals.py compares
Django's source of each with the source that was last reviewed. So after an upgrade, it says what to
read. It also finds uses that are not listed here.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Internal:
    """An undocumented part of Django: its dotted path, our module, and the reason."""

    path: str
    used_in: str
    why: str
    #: The name in our module, if it is not the last part of the path.
    name: str = ""

    @property
    def written(self) -> str:
        """The name in our module."""
        return self.name or self.path.rsplit(".", 1)[1]


MIGRATIONS = (
    Internal("django.db.migrations.executor.MigrationExecutor._create_project_state",
             "veza_core.operations.deploy.executor",
             "the state of what is applied, made once a run"),
    Internal("django.db.migrations.executor.MigrationExecutor.apply_migration",
             "veza_core.operations.deploy.executor",
             "overridden: a migration and its record are one commit"),
    Internal("django.db.migrations.executor.MigrationExecutor.migrate",
             "veza_core.operations.deploy.executor",
             "calls apply_migration for each step, with the state"),
    Internal("django.db.migrations.executor.MigrationExecutor.record_migration",
             "veza_core.operations.deploy.executor",
             "overridden: the last record of a release comes with the schema's version"),
    Internal("django.db.migrations.state.ProjectState.reload_model",
             "veza_core.operations.deploy.state",
             "overridden: renders again only what refers to the changed model"),
    Internal("django.db.migrations.state.ProjectState.reload_models",
             "veza_core.operations.deploy.state",
             "overridden: nothing is left out of date"),
    Internal("django.db.migrations.state.ProjectState._reload",
             "veza_core.operations.deploy.state",
             "renders the models that reload_model chose"),
    Internal("django.db.migrations.utils.resolve_relation",
             "veza_core.operations.deploy.state", "which model a field of a state refers to"),
    Internal("django.db.models.utils.make_model_tuple",
             "veza_core.operations.deploy.state", "the key of a base in a state"),
    Internal("django.core.management.commands.migrate.Command.handle",
             "veza_core.management.commands.migrate", "what our command does in its place"),
    Internal("django.core.management.commands.migrate.Command.sync_apps",
             "veza_core.management.commands.migrate", "--run-syncdb"),
    Internal("django.core.management.sql.emit_pre_migrate_signal",
             "veza_core.management.commands.migrate", "sent by migrate alone"),
    Internal("django.core.management.sql.emit_post_migrate_signal",
             "veza_core.management.commands.migrate", "makes content types and permissions"),
)  # fmt: skip

ENGINE = (
    Internal("django.db.backends.postgresql.base.DatabaseWrapper.get_connection_params",
             "veza_core.db.backend.base", "overridden: the session's own settings"),
    Internal("django.db.backends.postgresql.base.DatabaseWrapper.init_connection_state",
             "veza_core.db.backend.base", "overridden: who may create in our schemas"),
    Internal("django.db.backends.base.base.BaseDatabaseWrapper._commit",
             "veza_core.db.backend.base", "overridden: says that a commit waits for a replica"),
    Internal("django.db.backends.postgresql.client.DatabaseClient.settings_to_cmd_args_env",
             "veza_core.db.backend.client", "overridden: psql gets the place of the session"),
    Internal("django.db.backends.postgresql.operations.DatabaseOperations.deferrable_sql",
             "veza_core.db.backend.operations", "overridden: foreign keys are not deferrable"),
    Internal("django.db.backends.postgresql.operations.DatabaseOperations.sql_flush",
             "veza_core.db.backend.operations", "overridden: append-only tables are left out"),
    Internal("django.db.backends.postgresql.operations.DatabaseOperations.compose_sql",
             "veza_core.db.backend.schema", "what belongs to a new table in one round trip"),
    Internal("django.db.backends.postgresql.schema.DatabaseSchemaEditor.sql_create_column_inline_fk",
             "veza_core.db.backend.schema", "overridden: without SET CONSTRAINTS"),
    Internal("django.db.backends.base.schema.BaseDatabaseSchemaEditor._alter_column_comment_sql",
             "veza_core.db.backend.schema", "the comment without the type"),
    Internal("django.db.backends.postgresql.schema.DatabaseSchemaEditor.sql_delete_fk",
             "veza_core.db.backend.schema", "overridden: without SET CONSTRAINTS"),
    Internal("django.db.backends.base.schema.BaseDatabaseSchemaEditor.table_sql",
             "veza_core.db.backend.schema", "overridden: CREATE TABLE in schema django"),
    Internal("django.db.backends.base.schema.BaseDatabaseSchemaEditor.create_model",
             "veza_core.db.backend.schema", "overridden: no key from django to public"),
    Internal("django.db.backends.base.schema.BaseDatabaseSchemaEditor.add_field",
             "veza_core.db.backend.schema", "overridden: no key from django to public"),
    Internal("django.db.backends.postgresql.schema.DatabaseSchemaEditor.execute",
             "veza_core.db.backend.schema", "overridden: what belongs to a new table at once"),
    Internal("django.db.backends.base.schema.BaseDatabaseSchemaEditor._create_fk_sql",
             "veza_core.db.constraint_operations", "a foreign key to which NOT VALID is added"),
    Internal("django.db.backends.base.schema.BaseDatabaseSchemaEditor._fk_constraint_name",
             "veza_core.db.backend.schema", "overridden: foreign keys have PostgreSQL's own names"),
    Internal("django.db.backends.ddl_references.ForeignKeyName",
             "veza_core.db.backend.schema", "a name that follows a renamed table"),
    Internal("django.db.backends.postgresql.psycopg_any.BaseTzLoader",
             "veza_core.db.infinity", "overridden: infinity in times"),
)  # fmt: skip

MODELS = (
    Internal("django.contrib.auth.base_user.AbstractBaseUser._password",
             "veza_core.models.users", "marks a password that was set and is not saved yet"),
    Internal("django.contrib.auth.base_user.AbstractBaseUser._get_session_auth_hash",
             "veza_core.models.users", "overridden: sessions end with token_version"),
    Internal("django.contrib.sessions.backends.db.SessionStore._get_session_from_db",
             "veza_site.support.session_store", "overridden: rows have a digest of the key"),
    Internal("django.db.models.query.QuerySet.__init__",
             "veza_core.screens.bounded", "rows with values that PostgreSQL has cut",
             "_iterable_class"),
    Internal("django.db.models.query.ModelIterable",
             "veza_core.screens.bounded", "rows with values that PostgreSQL has cut"),
    Internal("django.db.models.sql.query.Query.get_compiler",
             "veza_core.screens.window", "the SQL of a query set, within another statement"),
    Internal("django.db.models.fields.tuple_lookups.TupleGreaterThan",
             "veza_core.screens.order", "(a, b) > (x, y), for cursors"),
    Internal("django.db.models.fields.tuple_lookups.TupleLessThan",
             "veza_core.screens.order", "(a, b) < (x, y), for cursors"),
    Internal("django.db.models.fields.tuple_lookups.TupleGreaterThanOrEqual",
             "veza_core.screens.order", "(a, b) >= (x, y), for cursors"),
    Internal("django.db.models.fields.tuple_lookups.TupleLessThanOrEqual",
             "veza_core.screens.order", "(a, b) <= (x, y), for cursors"),
)  # fmt: skip

ADMIN = (
    Internal("django.contrib.admin.views.main.ChangeList.__init__",
             "veza_core.screens.changelist", "calls get_queryset, then get_results"),
    Internal("django.contrib.admin.views.main.ChangeList.get_results",
             "veza_core.screens.changelist", "overridden: sets what templates read"),
    Internal("django.contrib.admin.options.ModelAdmin.changelist_view",
             "veza_core.screens.inspection", "called once the query string is read"),
    Internal("django.contrib.admin.options.Action",
             "veza_core.screens.actions.buttons", "what get_actions returns"),
    Internal("django.contrib.admin.helpers.ACTION_CHECKBOX_NAME",
             "veza_core.screens.actions.selection", "the name of the rows that are ticked"),
    Internal("django.contrib.admin.sites.AdminSite.login",
             "veza_site.support.site", "overridden: on to the second factor"),
    Internal("django.contrib.admin.sites.AdminSite.each_context",
             "veza_core.screens.site", "what every page is given"),
    Internal("django.views.debug.ExceptionReporter.get_traceback_html",
             "veza_site.error_reports", "overridden: secrets are masked"),
    Internal("django.views.debug.ExceptionReporter.get_traceback_text",
             "veza_site.error_reports", "overridden: secrets are masked"),
    Internal("django.core.management.commands.runserver.Command.run",
             "veza_site.management.commands.runserver", "overridden"),
)  # fmt: skip

INTERNALS = (*MIGRATIONS, *ENGINE, *MODELS, *ADMIN)
