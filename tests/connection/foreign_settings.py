"""Settings of a role, a database or a server that others have made."""

#: Unusual values of settings that our statements and psycopg need.
FORMATS = {
    "DateStyle": ["German", "SQL, DMY", "Postgres, MDY"],
    "IntervalStyle": ["iso_8601", "sql_standard", "postgres_verbose"],
    "TimeZone": ["Asia/Kathmandu"],
    "bytea_output": ["escape"],
    "extra_float_digits": ["-15"],
    "xmloption": ["document"],
    "standard_conforming_strings": ["off"],
    "backslash_quote": ["on"],
    "array_nulls": ["off"],
    "transform_null_equals": ["on"],
    "quote_all_identifiers": ["on"],
    "check_function_bodies": ["off"],
    "exit_on_error": ["on"],
    "default_transaction_isolation": ["serializable", "repeatable read"],
    "search_path": ["pg_catalog", "chat"],
    "gin_fuzzy_search_limit": ["1"],
    "row_security": ["on"],
    "default_table_access_method": ["columnar"],
    "jit": ["on"],
}
#: With the name of a missing access method, a session does not start.
COLUMNAR = "CREATE ACCESS METHOD columnar TYPE TABLE HANDLER heap_tableam_handler"
ALL_AT_ONCE = {name: values[0] for name, values in FORMATS.items()}

#: Settings that stay as somebody made them, because they do not change what our commands do. The
#: missing tablespaces and the missing configuration of text search are for later sessions.
LEFT_ALONE = {
    "allow_system_table_mods": "on",
    "client_encoding": "LATIN1",
    "client_min_messages": "debug5",
    "constraint_exclusion": "on",
    "default_tablespace": "nowhere",
    "default_text_search_config": "nowhere",
    "default_toast_compression": "pglz",
    "default_transaction_deferrable": "on",
    "enable_hashjoin": "off",
    "enable_indexscan": "off",
    "enable_mergejoin": "off",
    "enable_nestloop": "off",
    "enable_seqscan": "off",
    "enable_sort": "off",
    "escape_string_warning": "off",
    "lo_compat_privileges": "on",
    "password_encryption": "md5",
    "plan_cache_mode": "force_generic_plan",
    "plpgsql.extra_errors": "all",
    "plpgsql.variable_conflict": "use_variable",
    "restrict_nonsystem_relation_kind": "view, foreign-table",
    "stats_fetch_consistency": "snapshot",
    "synchronize_seqscans": "off",
    "synchronous_commit": "off",
    "temp_tablespaces": "nowhere",
    "timezone_abbreviations": "India",
    "track_activities": "off",
    "xmlbinary": "hex",
}
#: Those of later versions, by the first that has them.
LATER = {
    160000: {"createrole_self_grant": "set, inherit", "debug_parallel_query": "regress"},
    170000: {"event_triggers": "off"},
    180000: {"vacuum_truncate": "off"},
}


def left_alone(version: int) -> dict[str, str]:
    """Those that a server of that version has."""
    known = dict(LEFT_ALONE)
    for since, settings in LATER.items():
        if version >= since:
            known |= settings
    return known


def timeouts(version: int) -> dict[str, str]:
    """All timeouts of a server of that version, each with one minute."""
    names = ["statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"]
    if version >= 170000:
        names.append("transaction_timeout")
    return dict.fromkeys(names, "1min")
