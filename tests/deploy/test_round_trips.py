"""What only a new table's own transaction can lock takes one round trip; all else one each."""

import pytest
from django.db import connection, models
from django.db.models import Q
from django.test.utils import CaptureQueriesContext, isolate_apps

COMMENTS = """
SELECT attname::text, col_description(attrelid, attnum) FROM pg_attribute
WHERE attrelid = 'django.shelf'::regclass AND attnum > 0 ORDER BY attnum
"""


@pytest.fixture
def shelf():
    with isolate_apps("veza_site"):

        class Shelf(models.Model):  # noqa: DJ008 - never shown
            id = models.IntegerField(primary_key=True, db_comment="half of; it's \\ what")
            width = models.IntegerField(db_comment="In mm", db_index=True)
            above = models.ForeignKey("self", models.CASCADE)

            class Meta:
                app_label = "veza_site"
                db_table = "shelf"
                db_table_comment = "Of all"
                indexes = (models.Index(models.F("width").desc(), name="idx_shelf_width"),)
                constraints = (
                    models.CheckConstraint(condition=Q(width__gt=0), name="chk_shelf_width"),
                )

        yield Shelf


def kinds(captured: CaptureQueriesContext) -> list[list[str]]:
    """The first two words of each statement, by round trip; without savepoints."""
    texts = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    return [[" ".join(part.split()[:2]) for part in text.split(";\n")] for text in texts]


@pytest.mark.django_db
def test_a_new_table_and_what_deferred_statements_add_to_it(shelf):
    with CaptureQueriesContext(connection) as captured, connection.schema_editor() as editor:
        editor.create_model(shelf)
    table, constraint, *indexes = kinds(captured)
    assert table[:3] == ["CREATE SCHEMA", "CREATE TABLE", "COMMENT ON"]
    # A foreign key locks the other table, too, so its wait is limited by itself.
    assert constraint == ["ALTER TABLE"]
    assert indexes == [["CREATE INDEX"] * 3]
    with connection.cursor() as cursor:
        cursor.execute(COMMENTS)
        assert cursor.fetchall() == [
            ("id", "half of; it's \\ what"),
            ("width", "In mm"),
            ("above_id", None),
        ]


@pytest.mark.django_db
def test_statements_on_a_table_that_others_may_use_stay_apart(shelf):
    with connection.schema_editor() as editor:
        editor.create_model(shelf)
    with CaptureQueriesContext(connection) as captured, connection.schema_editor() as editor:
        for name in ("height", "depth"):
            field = models.IntegerField(null=True, db_index=True)
            field.set_attributes_from_name(name)
            field.model = shelf
            editor.add_field(shelf, field)
    assert kinds(captured) == [["ALTER TABLE"]] * 2 + [["CREATE INDEX"]] * 2


@pytest.mark.django_db
def test_sqlmigrate_shows_each_statement_by_itself(shelf):
    with connection.schema_editor(collect_sql=True) as editor:
        editor.create_model(shelf)
    assert [text.split()[0] for text in editor.collected_sql].count("CREATE") == 5
