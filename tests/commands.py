"""Every command of manage.py, and what it does to a database.

Every new command must be listed here: tests/connection/test_settings_of_others.py compares.
"""

#: Commands of django-extensions that would change objects of others.
DROPS_OF_OTHERS = ["drop_test_database", "reset_schema"]

#: Commands that neither write to a database nor read one by themselves.
WRITES_NOTHING = {
    # Users type their own statements there.
    "dbshell",
    "shell",
    # The site, and commands with their own server.
    "database_server",
    "runserver",
    "test",
    "testserver",
    # They read and write files of the project.
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "lint_migrations",
    "lint_schema",
    "make_release",
    "makemessages",
    "makemigrations",
    "optimizemigration",
    "sendtestemail",
    "squashmigrations",
    "startapp",
    "startproject",
    # It prints.
    "sqlsequencereset",
    # Refused.
    *DROPS_OF_OTHERS,
}
#: Commands of django-extensions, for development; its other commands are in `WRITES`.
WRITES_NOTHING_EITHER = """
    admin_generator clean_pyc clear_cache compile_pyc create_command create_jobs
    create_template_tags delete_squashed_migrations describe_form dumpscript export_emails
    find_template generate_password generate_secret_key graph_models list_model_info list_signals
    mail_debug managestate notes print_settings print_user_for_session raise_test_exception runjob
    runjobs runprofileserver runscript runserver_plus set_default_site shell_plus show_permissions
    show_template_tags show_urls sqlcreate sqldiff sqldsn sync_s3 unreferenced_files
    validate_templates
"""
#: Commands that read a database and print, with arguments; `{url}` is a database.
READS = {
    "audit_schema": [],
    "inspectdb": [],
    "schema_diff": ["{url}"],
    "showmigrations": [],
    "sqlflush": [],
    "sqlmigrate": ["veza_core", "001"],
    "status": [],
}
#: All other commands, with arguments; `{}` is a new file.
WRITES = {
    "addstatictoken": ["nobody"],
    "backup_db": ["{}"],
    "changepassword": ["nobody"],
    "clearsessions": [],
    "count_weekly_plays": [],
    "createcachetable": [],
    "createsuperuser": ["--noinput", "--username", "root", "--email", "root@example.com"],
    "demo_staff": [],
    "distribute": [],
    "dumpdata": ["--output", "{}"],
    "export_schema": ["--directory", "{}"],
    "flush": ["--noinput"],
    "grant_staff": ["nobody", "admin"],
    "loaddata": ["{}"],
    "merge_model_instances": [],
    "migrate": [],
    "purge": [],
    "recount": [],
    "remove_stale_contenttypes": ["--noinput"],
    "reset_attempts": ["--address", "192.0.2.1"],
    "reset_db": ["--noinput"],
    "restore_db": ["{}"],
    "seed_demo": ["--users", "100", "--tracks", "100", "--plays", "100"],
    "set_fake_emails": [],
    "set_fake_passwords": [],
    "sync_roles": [],
    "syncdata": ["{}"],
    "update_permissions": [],
}
