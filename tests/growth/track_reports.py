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
        return self.explanation[:50]
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
track_id → tracks C; reporter_id → users N; status track_report_status = open; explanation TEXT.
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
    "explanation TEXT.\n",
    "explanation TEXT; position_ms INTEGER?, check ≥ 0; moderator_id → users N.\n"
    "idx(position_ms, created_at DESC); idx(moderator_id, created_at DESC).\n",
)
COLUMN_CHAPTER = "\n## {chapter}\n"
COLUMN_SEED = (
    '        "explanation": text(rows.choose("explanation"',
    '        "moderator_id": rows.refer("users", user).unless(rows.chance("undecided", 0.5)),\n'
    '        "position_ms": integer(rows.below("position", 60_000)),\n'
    '        "explanation": text(rows.choose("explanation"',
)
