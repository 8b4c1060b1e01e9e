"""The comments of a new table take one round trip."""

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext, isolate_apps

COMMENTS = """
SELECT attname::text, col_description(attrelid, attnum) FROM pg_attribute
WHERE attrelid = 'django.shelf'::regclass AND attnum > 0 ORDER BY attnum
"""


@pytest.mark.django_db
@isolate_apps("veza_site")
def test_comments_of_all_columns_are_one_statement_and_arrive_as_written():
    class Shelf(models.Model):  # noqa: DJ008 - never shown
        id = models.IntegerField(primary_key=True, db_comment="half of; it's \\ what")
        width = models.IntegerField(db_comment="In mm")
        books = models.ManyToManyField("self")

        class Meta:
            app_label = "veza_site"
            db_table = "shelf"
            db_table_comment = "Of all"

    with connection.schema_editor() as editor, CaptureQueriesContext(connection) as captured:
        editor.create_model(Shelf)
    commenting = [query for query in captured if "COMMENT ON COLUMN" in query["sql"]]
    assert len(commenting) == 1
    with connection.cursor() as cursor:
        cursor.execute(COMMENTS)
        assert cursor.fetchall() == [
            ("id", "half of; it's \\ what"),
            ("width", "In mm"),
        ]
