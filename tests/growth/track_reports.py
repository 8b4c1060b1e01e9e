"""A 29th table, written by the steps of CONTRIBUTING.md."""

MODEL = '''

class TrackReportStatus(models.TextChoices):
    """The values of PostgreSQL type `track_report_status`."""

    OPEN = "open"
    UPHELD = "upheld"
    DISMISSED = "dismissed"


class TrackReport(SoftDeleteModel):
    """What a listener objects to in a track."""

    track = CascadeKey(Track, related_name="reports", db_comment="The track that is reported")
    reporter = SetNullKey(
        User,
        related_name="track_reports",
        db_comment="Who reported it; NULL: a permanently deleted account",
    )
    status = EnumField(
        enum_type="track_report_status",
        choices=TrackReportStatus.choices,
        db_default=TrackReportStatus.OPEN,
        db_comment="What became of the report",
    )
    explanation = models.TextField(db_comment="What the reporter says")
    length = models.GeneratedField(
        expression=models.functions.Length("explanation"),
        output_field=models.IntegerField(),
        db_persist=True,
        db_comment="Characters of the explanation",
    )

    class Meta:
        db_table = "track_reports"
        db_table_comment = "What listeners object to in tracks"
        verbose_name = "report"
        indexes = [
            # A track's reports, newest first.
            index_on("track_reports", "track_id", "-created_at"),
            # What a user reported, newest first.
            index_on("track_reports", "reporter_id", "-created_at"),
            # The newest of all.
            index_on("track_reports", "-created_at"),
            # The purge of what was deleted long ago.
            set_index("track_reports", "deleted_at"),
        ]

    def __str__(self) -> str:
        return Truncator(self.explanation).chars(50)
'''
MODEL_IMPORT = (
    "from veza_core.db.fields import CascadeKey, SetNullKey",
    "from veza_core.db.fields import CascadeKey, EnumField, SetNullKey",
)

SCREEN = """

@admin.register(TrackReport)
class TrackReportAdmin(InspectionAdmin):
    group = "Listening"
    columns = ("id", "track", "reporter", "status", "created_at")
    states = (choices("status", TrackReportStatus.choices),)
    row_actions = soft_deletion("track_reports")
"""
SCREEN_IMPORT = (
    "    TrackShare,\n)\n",
    "    TrackShare,\n)\nfrom veza_streaming.models.social import TrackReport, TrackReportStatus\n",
)

#: `chapter` is the number and the name of the migration.
CONTRACT = """
## {chapter}

**track_reports** (soft)
track_id → tracks C; reporter_id → users N; status track_report_status = open; explanation TEXT;
length INTEGER? generated as length(explanation).
idx(track_id, created_at DESC); idx(reporter_id, created_at DESC); idx(created_at DESC).
"""
CONTRACT_TYPE = (
    "| `transcode_status` |",
    "| `track_report_status` | open, upheld, dismissed |\n| `transcode_status` |",
)

SEED = '''

@table(rows=lambda counts: max(counts.users // 5, 40))
def track_reports(rows: Rows) -> Columns:
    """Reports of listeners; some were taken back."""
    world = rows.world
    track, user = world.popular_track(rows.fraction("track")), _lasting_listener(rows)
    start = np.maximum(world.track_start(track), world.user_start(user))
    end = np.full_like(start, world.now)
    return rows.key() | {
        "track_id": rows.refer("tracks", track),
        "reporter_id": rows.refer("users", user).unless(rows.chance("unknown", 0.3)),
        "status": text(rows.choose("status", words.words(["open", "upheld", "dismissed"]))),
        "explanation": text(rows.choose("explanation", words.CHANGELOGS)),
        **rows.removable(rows.lately(start, end), end, rows.chance("deleted", 0.3)),
    }
'''

#: What is appended, and what is replaced.
ALL_FILES = {
    "veza_streaming/models/social.py": (MODEL, MODEL_IMPORT),
    "veza_streaming/admin/listening.py": (SCREEN, SCREEN_IMPORT),
    "docs/schema.md": (CONTRACT, CONTRACT_TYPE),
    "veza_demo/tables/analytics.py": (SEED,),
}

# A column, later -------------------------------------------------------------------------------

COLUMN = (
    '    explanation = models.TextField(db_comment="What the reporter says")\n',
    '    explanation = models.TextField(db_comment="In the reporter\'s words")\n'
    "    position_ms = models.IntegerField(\n"
    '        null=True, blank=True, db_comment="Where in the track, in ms; NULL: all of it"\n'
    "    )\n"
    "    moderator = SetNullKey(\n"
    '        User, related_name="decided_reports", db_comment="Who decided; NULL: nobody yet"\n'
    "    )\n",
)
COLUMN_CHECK = (
    '        verbose_name = "report"\n',
    '        verbose_name = "report"\n'
    '        constraints = [non_negative("track_reports", "position_ms")]\n',
)
COLUMN_INDEX = (
    "            # What a user reported, newest first.\n",
    "            # A position's, newest first.\n"
    '            index_on("track_reports", "position_ms", "-created_at"),\n'
    "            # What a moderator decided, newest first.\n"
    '            index_on("track_reports", "moderator_id", "-created_at"),\n'
    "            # What a user reported, newest first.\n",
)
COLUMN_CONTRACT = (
    "explanation TEXT;\n",
    "explanation TEXT; position_ms INTEGER?, check ≥ 0; moderator_id → users N;\n",
)
COLUMN_CONTRACT_INDEX = (
    "idx(reporter_id, created_at DESC); idx(created_at DESC).\n",
    "idx(reporter_id, created_at DESC); idx(created_at DESC); idx(position_ms, created_at DESC);\n"
    "idx(moderator_id, created_at DESC).\n",
)
COLUMN_CHAPTER = "\n## {chapter}\n"
COLUMN_SEED = (
    '        "explanation": text(rows.choose("explanation"',
    '        "moderator_id": rows.refer("users", user).unless(rows.chance("undecided", 0.5)),\n'
    '        "position_ms": integer(rows.below("position", 60_000)),\n'
    '        "explanation": text(rows.choose("explanation"',
)

# Columns of types that no other table has ------------------------------------------------------

#: With values that Python cannot represent.
TYPES = (
    COLUMN[1],
    COLUMN[1]
    + '    heard = IntegerRangeField(null=True, blank=True, db_comment="Which part, in ms")\n'
    '    open_on = DateRangeField(null=True, blank=True, db_comment="The days for a decision")\n'
    '    took = models.DurationField(null=True, blank=True, db_comment="Until the decision")\n'
    '    call_at = models.TimeField(null=True, blank=True, db_comment="When to call, in UTC")\n'
    '    proof = models.BinaryField(null=True, blank=True, db_comment="A picture")\n'
    "    fee = models.DecimalField(\n"
    '        max_digits=9, decimal_places=2, null=True, blank=True, db_comment="In euros"\n'
    "    )\n"
    '    score = models.FloatField(null=True, blank=True, db_comment="From 0 to 1")\n'
    "    grid = ArrayField(\n"
    '        ArrayField(models.FloatField()), null=True, blank=True, db_comment="Loudness, in dB"\n'
    "    )\n",
)
TYPES_IMPORT = (
    "from django.db import models\n",
    "from django.contrib.postgres.fields import ArrayField, DateRangeField, IntegerRangeField\n"
    "from django.db import models\n",
)
TYPES_CONTRACT = (
    "moderator_id → users N;\n",
    "moderator_id → users N; heard INT4RANGE?; open_on DATERANGE?; took INTERVAL?; call_at TIME?;\n"
    "proof BYTEA?; fee NUMERIC(9,2)?; score FLOAT?; grid FLOAT[]?;\n",
)
NEW_TYPES = (
    *("bytea", "daterange", "double precision", "double precision[]", "int4range", "interval"),
    "time without time zone",
)
TYPES_SERVICES = (
    "| `jsonb` |",
    "".join(f"| `{name}` | … | … | … |\n" for name in NEW_TYPES) + "| `jsonb` |",
)
TYPES_SEED = (
    '        "moderator_id":',
    "".join(
        f'        "{name}": text(rows.choose("{name}", encoded("{kind}", [{value}]))),\n'
        for name, kind, value in (
            ("heard", "int4range", "Range(1, 5)"),
            ("open_on", "daterange", "Range(date(2026, 1, 1), None)"),
            ("took", "interval", "timedelta(hours=1)"),
            ("call_at", "time", "time(12)"),
            ("proof", "bytea", 'b"picture"'),
            ("fee", "numeric", "Decimal(5)"),
            ("score", "float8", "0.5"),
            ("grid", "float8[]", "[[0.5, 1.5]]"),
        )
    )
    + '        "moderator_id":',
)
TYPES_SEED_IMPORT = (
    "from decimal import Decimal\n\nimport numpy as np\n",
    "from datetime import date, time, timedelta\nfrom decimal import Decimal\n\n"
    "import numpy as np\nfrom psycopg.types.range import Range\n",
)
