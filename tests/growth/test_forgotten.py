"""Changes other than that of `test_growth`: `make lint` names everything that each one forgets."""

import re

import pytest

from tests.growth.project import Project
from tests.growth.test_growth import COMMANDS
from tests.support import scratch_database

pytestmark = pytest.mark.process

VARIANTS_IMPORTS = (
    "from django.contrib.postgres.fields import ArrayField\n",
    "from django.contrib.postgres.constraints import ExclusionConstraint\n"
    "from django.contrib.postgres.fields import ArrayField, DateRangeField\n",
)
VARIANTS = '''

class StreamVariantKind(models.TextChoices):
    """The values of PostgreSQL type `stream_variant_kind`."""

    AUDIO = "audio"
    PREVIEW = "preview"


class StreamVariant(BaseModel):
    """A rendition of a stream, perhaps made from another one."""

    purged_after = {"updated_at": "history"}

    stream = models.ForeignKey(
        HlsStream,
        on_delete=models.DB_CASCADE,
        db_index=False,
        related_name="variants",
        db_comment="The stream that it belongs to",
    )
    parent = models.ForeignKey(
        "self",
        on_delete=models.DB_SET_NULL,
        null=True,
        db_index=False,
        related_name="children",
        db_comment="Made from this one; NULL: from the source, or a purged variant",
    )
    kind = EnumField(
        enum_type="stream_variant_kind",
        choices=StreamVariantKind.choices,
        db_default=StreamVariantKind.AUDIO,
        db_comment="What it is for",
    )
    name = models.CharField(max_length=50, db_comment="Unique in its stream")
    gain = models.FloatField(db_default=0, db_comment="In dB")
    options = models.JSONField(db_default={}, db_comment="Of the encoder")
    access_token = models.CharField(max_length=64, null=True, db_comment="For the CDN")
    live_on = DateRangeField(null=True, db_comment="The days on which it is offered")

    class Meta:
        db_table = "stream_variants"
        db_table_comment = "Renditions of streams"
        constraints = [
            UniqueConstraint(fields=["stream", "name"], name="idx_stream_variants_stream_id_name"),
            ExclusionConstraint(
                name="stream_variants_live_on_excl", expressions=[("live_on", "&&")]
            ),
        ]
        indexes = [index_on("stream_variants", "-created_at")]
'''
#: No `updated_at`, no comments on columns, no index.
LOG = '''

class ListenLog(models.Model):
    """What somebody listened to."""

    id = models.UUIDField(primary_key=True, db_default=RandomUUID(), default=uuid4)
    created_at = models.DateTimeField(db_default=TransactionNow())
    user = models.ForeignKey(
        User, on_delete=models.DB_SET_NULL, null=True, db_index=False, related_name="listen_logs"
    )

    class Meta:
        db_table = "listen_logs"
        db_table_comment = "A log"
'''
LOG_IMPORTS = (
    "from django.db import models\n",
    "from uuid import uuid4\n"
    "from django.contrib.postgres.functions import RandomUUID, TransactionNow\n"
    "from django.db import models\n",
)
SAMPLE_RATE = (
    "    sample_rate = models.IntegerField(\n"
    '        null=True, blank=True, db_comment="Of the original file, in Hz"\n'
    "    )\n"
)
#: A new app, without numbers for its migrations.
APP = {
    "__init__": '"""Podcasts."""\n',
    "migrations/__init__": "",
    "apps": (
        "from django.apps import AppConfig\n\n\n"
        'class VezaPodsConfig(AppConfig):\n    name = "veza_pods"\n'
    ),
    "models": """from django.db import models

from veza_core.models import SoftDeleteModel, User


class Podcast(SoftDeleteModel):
    owner = models.ForeignKey(
        User,
        on_delete=models.DB_CASCADE,
        db_index=False,
        related_name="podcasts",
        db_comment="Who made it",
    )

    class Meta:
        db_table = "podcasts"
        db_table_comment = "Podcasts"
""",
}
#: The model no longer has the column, which the next release drops (docs/changing.md).
LEFT_OUT = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("veza_streaming", "041_streaming_analytics"),
        ("veza_core", "900_triggers_and_functions"),
    ]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField("track", "waveform_path")]
        ),
        migrations.RunSQL(
            "CREATE TRIGGER count_share AFTER INSERT ON public.track_shares"
            " FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column()"
        ),
    ]
"""
WAVEFORM_PATH = (
    "    waveform_path = models.TextField(\n"
    '        null=True, blank=True, db_comment="Waveform data, in object storage"\n'
    "    )\n"
)
LINT = f'{COMMANDS}\nprint(run("lint_schema"))'


@pytest.fixture
def project(django_db_setup, django_db_blocker, tmp_path):
    with django_db_blocker.unblock(), scratch_database() as name:
        yield Project(tmp_path, name)


def change(project):
    """Add a table with much of what a table can have, a log, a module that nobody imports, two
    columns and an enum value; remove a column.
    """
    project.edit("veza_media/models.py", VARIANTS_IMPORTS, append=VARIANTS)
    project.edit("veza_streaming/models/playlists.py", LOG_IMPORTS, append=LOG)
    new = project.directory / "veza_streaming/models/reports.py"
    new.write_text("# Imported by nobody\n")
    project.edit(
        "veza_core/models/users.py",
        (
            "    last_login = ",
            '    invited_by = models.ForeignKey("self", on_delete=models.DB_SET_NULL, null=True,\n'
            '        db_index=False, related_name="+", db_comment="NULL: by nobody")\n'
            "    pronouns = models.CharField(max_length=40, null=True)\n"
            "    last_login = ",
        ),
    )
    project.edit(
        "veza_streaming/models/tracks.py",
        ('    FAILED = "failed"\n', '    FAILED = "failed"\n    HIDDEN = "hidden"\n'),
        (SAMPLE_RATE, ""),
        ('            positive("tracks", "sample_rate"),\n', ""),
    )


def remove_operations(project, name):
    """Leave the trigger and the permissions out of a migration that makemigrations wrote."""
    path = project.directory / name
    text, count = re.subn(
        r"\n        [\w.]*(KeepUpdatedAt|InsertPermissions)\((.*?)\),(?=\n)",
        "",
        path.read_text("utf-8"),
        flags=re.DOTALL,
    )
    assert count == 2, text
    path.write_text(text, "utf-8")


def test_what_is_forgotten_is_said_by_name(project, subtests):
    change(project)
    before = project.run(LINT)
    with subtests.test("what makemigrations adds is not asked for by hand"):
        assert "changed without a migration" in before
        assert "has no permission" not in before
        assert "Add value hidden to enum type track_status" in before
    number = project.next_number("veza_streaming", 940)
    core, media = project.next_number("veza_core", 901), project.next_number("veza_media", 970)
    made = project.run(f'{COMMANDS}\nprint(run("makemigrations"))')
    for name in (
        f"veza_core/migrations/{core}_users_invited_by.py",
        f"veza_media/migrations/{media}_stream_variants.py",
        f"veza_streaming/migrations/{number}_track_status_hidden.py",
        f"veza_streaming/migrations/{number + 1}_listen_logs.py",
    ):
        assert name in made
    remove_operations(project, f"veza_media/migrations/{media}_stream_variants.py")
    said = project.run(LINT)
    with subtests.test("what a migration leaves out is said once"):
        for part in (
            "no index leads with (parent_id)",
            "no trigger keeps updated_at: update_stream_variants_updated_at is missing",
            'Add KeepUpdatedAt("stream_variants").',
            "stream_variants has no permission",
            'Add InsertPermissions("stream_variants").',
        ):
            assert said.count(part) == 1, said
    for line in (
        # The table.
        'stream_variants_parent_id_fkey: no index leads with (parent_id) (fk-not-indexed). Add index_on("stream_variants", "parent_id") to Meta.indexes.',  # noqa: E501
        "purge finds rows of stream_variants by updated_at, with which no index begins. Add "
        'index_on("stream_variants", "updated_at") to Meta.indexes.',
        "veza_media/admin.py: stream_variants has no screen. Add @admin.register(StreamVariant)",
        'stream_variants.access_token sounds like a secret, and is shown. Add "access_token" to',
        "veza_demo/tables/: seed_demo has no rows for stream_variants. Add @table(rows=",
        "docs/schema.md: stream_variants is not in the contract. Add **stream_variants**: …",
        "docs/schema.md: type stream_variant_kind is not in the contract with these values. Add "
        "| `stream_variant_kind` | audio, preview | to the table of types.",
        f"docs/schema.md: migration veza_media.{media}_stream_variants has no chapter.",
        "docs/services.md: the page does not say which rows CASCADE deletes when a row of "
        "hls_streams is deleted. Add them to | `hls_streams` | …",
        "docs/services.md: the page does not say which rows SET NULL keeps when a row of "
        "stream_variants is deleted. Add them to | `stream_variants` | …",
        "docs/services.md: idx_stream_variants_stream_id_name is not in the table of constraints.",
        "docs/services.md: stream_variants_live_on_excl is not in the table of constraints.",
        "docs/services.md: double precision is not in the table of types. Add | `double precisi",
        # The log.
        'no index of listen_logs ends in created_at DESC. Add index_on("listen_logs", '
        '"-created_at") to Meta.indexes, or name listen_logs in docs/schema.md as a table that is',
        "Let ListenLog inherit from BaseModel or SoftDeleteModel.",
        "no comment on columns id, created_at, user_id (comment-missing). Add db_comment=",
        # The module.
        "veza_streaming/models/reports.py: nothing imports it, so Django does not see what it "
        "declares. Import reports in veza_streaming/models/__init__.py.",
        # The columns that are new.
        "public.users: no comment on column pronouns (comment-missing). Add db_comment=",
        "docs/schema.md: users.pronouns is not in the contract. Add pronouns and its type to",
        'seed_demo has no values for users.pronouns. Add "pronouns": ….',
        # The removed column.
        "sections names sample_rate, which is not a column of tracks. Remove sample_rate.",
        ": sample_rate is not a column of tracks. Remove sample_rate.",
        "docs/schema.md: sample_rate is not a column of tracks. Remove sample_rate.",
        "docs/services.md: there is no column tracks.sample_rate. Remove sample_rate.",
        "docs/services.md: there is no constraint chk_tracks_sample_rate. Remove",
        # The value.
        "docs/schema.md: type track_status is not in the contract with these values. Add "
        "| `track_status` | uploading, processing, ready, failed, hidden |",
    ):
        assert line in said


def test_a_new_app_needs_numbers_and_a_column_leaves_the_contract_when_it_is_dropped(project):
    for name, text in APP.items():
        path = project.directory / f"veza_pods/{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    project.edit(
        "veza_site/settings.py", ('"veza_legacy_chat"]', '"veza_legacy_chat", "veza_pods"]')
    )

    said = project.run(f'{COMMANDS}\nprint(run("makemigrations"))\n{LINT}')

    assert said.count("veza_pods/apps.py: the app has no numbers for its migrations. Add") == 2

    project.edit("veza_pods/apps.py", append="    migration_numbers = range(995, 999)\n")
    project.edit("veza_streaming/models/tracks.py", (WAVEFORM_PATH, ""))
    number = project.next_number("veza_streaming", 940)
    text = LEFT_OUT.replace("041_streaming_analytics", project.last_migration("veza_streaming"))
    new = project.directory / f"veza_streaming/migrations/{number}_tracks_waveform_path.py"
    new.write_text(text)

    merged = new.with_name(f"{number}_tracks_waveform.py")
    # It removes the same field, as a migration of another branch could.
    merged.write_text(text)
    same_parent = project.run(LINT)
    merged.unlink()
    said = project.run(LINT)

    both = f"veza_streaming: {number}_tracks_waveform, {number}_tracks_waveform_path"
    assert f"the same parent: {both}" in same_parent
    assert "--merge" not in same_parent
    assert "Traceback" not in same_parent
    assert "have the same migration numbers, 995 to 998: shorten the range of one" in said
    assert ": waveform_path is not a column of tracks. Remove waveform_path." in said
    assert "docs/schema.md: waveform_path" not in said
    assert (
        "docs/schema.md: trigger count_share of track_shares is not in the contract. Add trigger "
        "count_share …: update_updated_at_column() to **track_shares**."
    ) in said
