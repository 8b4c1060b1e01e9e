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
    "default_transaction_isolation": ["serializable", "repeatable read"],
    "search_path": ["pg_catalog", "chat"],
    "gin_fuzzy_search_limit": ["1"],
    "default_table_access_method": ["columnar"],
    "jit": ["on"],
}
#: With the name of a missing access method, a session does not start.
COLUMNAR = "CREATE ACCESS METHOD columnar TYPE TABLE HANDLER heap_tableam_handler"
ALL_AT_ONCE = {name: values[0] for name, values in FORMATS.items()}


def timeouts(version: int) -> dict[str, str]:
    """All timeouts of a server of that version, each with one minute."""
    names = ["statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"]
    if version >= 170000:
        names.append("transaction_timeout")
    return dict.fromkeys(names, "1min")
