-- 999_version.sql: the version of the schema, on schema public.
--
-- Written by `manage.py export_schema` from schema/VERSION. Do not edit it.
-- Load it after all the files whose names come before its own.

COMMENT ON SCHEMA public IS 'Veza schema 1.0.0-dev';
