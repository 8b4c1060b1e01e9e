"""Settings that somebody else gave a role, a database or a server."""

#: What a server may be set up with, of the settings that our statements and psycopg rely on.
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
#: A session whose options name a kind of table that is not there does not begin.
COLUMNAR = "CREATE ACCESS METHOD columnar TYPE TABLE HANDLER heap_tableam_handler"
ALL_AT_ONCE = {name: values[0] for name, values in FORMATS.items()}


def timeouts(version: int) -> dict[str, str]:
    """The timeouts that a server of that version has, and a minute for each."""
    names = ["statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"]
    if version >= 170000:
        names.append("transaction_timeout")
    return dict.fromkeys(names, "1min")
