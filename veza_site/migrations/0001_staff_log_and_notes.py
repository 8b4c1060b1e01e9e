"""The staff log and the notes, and the triggers that make both append-only."""

from django.contrib.postgres.functions import TransactionNow
from django.db import migrations, models

from veza_core.db.fields import columns

# `veza_site.append_only` tells whether a database still has all of this. ALWAYS: in a session of
# `session_replication_role = replica` too.
APPEND_ONLY = """
CREATE FUNCTION django.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
    RAISE EXCEPTION '% on %: its rows are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END;
$$;
COMMENT ON FUNCTION django.refuse_change() IS 'Trigger function: makes a table append-only';
CREATE FUNCTION django.stamp_entry() RETURNS trigger LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
    NEW.created_at = clock_timestamp();
    NEW.written_by = session_user;
    RETURN NEW;
END;
$$;
COMMENT ON FUNCTION django.stamp_entry() IS 'Trigger function: when an entry is written, and by which role of PostgreSQL';
CREATE TRIGGER refuse_change_of_staff_log BEFORE DELETE OR UPDATE OR TRUNCATE ON django.veza_site_stafflogentry FOR EACH STATEMENT EXECUTE FUNCTION django.refuse_change();
ALTER TABLE django.veza_site_stafflogentry ENABLE ALWAYS TRIGGER refuse_change_of_staff_log;
CREATE TRIGGER refuse_change_of_row_of_staff_log BEFORE DELETE OR UPDATE ON django.veza_site_stafflogentry FOR EACH ROW EXECUTE FUNCTION django.refuse_change();
ALTER TABLE django.veza_site_stafflogentry ENABLE ALWAYS TRIGGER refuse_change_of_row_of_staff_log;
CREATE TRIGGER stamp_staff_log BEFORE INSERT ON django.veza_site_stafflogentry FOR EACH ROW EXECUTE FUNCTION django.stamp_entry();
ALTER TABLE django.veza_site_stafflogentry ENABLE ALWAYS TRIGGER stamp_staff_log;
CREATE TRIGGER refuse_change_of_notes BEFORE DELETE OR UPDATE OR TRUNCATE ON django.veza_site_note FOR EACH STATEMENT EXECUTE FUNCTION django.refuse_change();
ALTER TABLE django.veza_site_note ENABLE ALWAYS TRIGGER refuse_change_of_notes;
CREATE TRIGGER refuse_change_of_row_of_notes BEFORE DELETE OR UPDATE ON django.veza_site_note FOR EACH ROW EXECUTE FUNCTION django.refuse_change();
ALTER TABLE django.veza_site_note ENABLE ALWAYS TRIGGER refuse_change_of_row_of_notes;
CREATE TRIGGER stamp_notes BEFORE INSERT ON django.veza_site_note FOR EACH ROW EXECUTE FUNCTION django.stamp_entry();
ALTER TABLE django.veza_site_note ENABLE ALWAYS TRIGGER stamp_notes;
"""


#: The same words for each index: see `veza_site.models.log.ACTION`.
ACTION = ~models.Q(
    action__regex="\\.(view|list|download)$|^(search|sign_in|sign_out|second_factor\\.(enrol|recover|refuse))$"
)


class Migration(migrations.Migration):
    initial = True

    dependencies = [("otp_static", "0003_add_timestamps")]

    operations = [
        migrations.CreateModel(
            name="Note",
            fields=columns(
                id=models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                ),
                created_at=models.DateTimeField(
                    db_comment="When it was written", db_default=TransactionNow(), editable=False
                ),
                subject_table=models.CharField(db_comment="The table of the row", max_length=63),
                subject_id=models.CharField(db_comment="Its id", max_length=63),
                author_id=models.UUIDField(db_comment="users.id of the author"),
                author_name=models.CharField(
                    db_comment="Their username, as it was at the time", max_length=150
                ),
                text=models.TextField(db_comment="The remark"),
                written_by=models.CharField(
                    db_comment="The PostgreSQL role that wrote it, set by a trigger",
                    db_default="",
                    editable=False,
                    max_length=63,
                ),
            ),
            options={
                "db_table_comment": "Notes of staff about rows: never edited",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["-created_at", "-id"], name="idx_note_created_at"),
                    models.Index(
                        fields=["subject_id", "-created_at", "-id"], name="idx_note_subject_id"
                    ),
                    models.Index(
                        fields=["author_id", "-created_at", "-id"], name="idx_note_author_id"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StaffLogEntry",
            fields=columns(
                id=models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                ),
                created_at=models.DateTimeField(
                    db_comment="When", db_default=TransactionNow(), editable=False
                ),
                staff_id=models.UUIDField(
                    db_comment="users.id of the member of staff; NULL: a command, or nobody signed in",
                    null=True,
                ),
                staff_name=models.CharField(
                    db_comment="Their username, as it was at the time", max_length=150
                ),
                address=models.GenericIPAddressField(
                    db_comment="The client's IP address; NULL: a command, or unknown", null=True
                ),
                user_agent=models.CharField(
                    blank=True,
                    db_comment="The browser's user agent, cut to 255 characters",
                    max_length=255,
                ),
                action=models.CharField(
                    db_comment="The action: users.ban, users.view, sign_in, …", max_length=50
                ),
                subject_table=models.CharField(
                    blank=True, db_comment="The table of the row; empty: none", max_length=63
                ),
                subject_id=models.CharField(
                    blank=True, db_comment="The row's id; empty: the whole table", max_length=63
                ),
                subject_label=models.CharField(
                    blank=True, db_comment="The row's name at the time", max_length=255
                ),
                reason=models.TextField(blank=True, db_comment="The reason that was given"),
                before=models.JSONField(
                    db_comment="Object: column to value before; secrets are left out", null=True
                ),
                after=models.JSONField(
                    db_comment="Object: column to value after; secrets are left out", null=True
                ),
                batch=models.UUIDField(
                    db_comment="Common to all entries of one action on several rows; NULL: one row",
                    null=True,
                ),
                written_by=models.CharField(
                    db_comment="The PostgreSQL role that wrote it, set by a trigger",
                    db_default="",
                    editable=False,
                    max_length=63,
                ),
            ),
            options={
                "verbose_name": "staff log entry",
                "verbose_name_plural": "staff log",
                "db_table_comment": "What staff did and looked at: append-only",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["-created_at", "-id"], name="idx_stafflog_created_at"),
                    models.Index(
                        fields=["staff_id", "-created_at", "-id"], name="idx_stafflog_staff_id"
                    ),
                    models.Index(
                        fields=["action", "-created_at", "-id"], name="idx_stafflog_action"
                    ),
                    models.Index(
                        fields=["staff_name", "-created_at", "-id"], name="idx_stafflog_staff_name"
                    ),
                    models.Index(
                        fields=["subject_table", "-created_at", "-id"], name="idx_stafflog_table"
                    ),
                    models.Index(
                        fields=["subject_id", "-created_at", "-id"], name="idx_stafflog_subject_id"
                    ),
                    models.Index(
                        condition=ACTION,
                        fields=["-created_at", "-id"],
                        name="idx_stafflog_actions",
                    ),
                    models.Index(
                        condition=ACTION,
                        fields=["subject_id", "-created_at", "-id"],
                        name="idx_stafflog_subject_actions",
                    ),
                    models.Index(
                        condition=ACTION,
                        fields=["staff_id", "-created_at", "-id"],
                        name="idx_stafflog_staff_actions",
                    ),
                    models.Index(
                        condition=models.Q(("batch__isnull", False)),
                        fields=["batch", "id"],
                        name="idx_stafflog_batch",
                    ),
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY),
        # django-otp's 16 characters have no room for a digest of 256 bits.
        migrations.RunSQL(
            "ALTER TABLE django.otp_static_statictoken ALTER COLUMN token TYPE varchar(64)"
        ),
    ]
