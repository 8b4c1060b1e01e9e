"""Tracks and playlists."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models
from django.db.models import Q, UniqueConstraint
from django.db.models.functions import Upper

from veza_core.db.constraints import LIVE, non_negative, positive
from veza_core.db.fields import (
    CascadeKey,
    CreatedAtField,
    DeletedAtField,
    EnumField,
    IdField,
    SetNullKey,
    UpdatedAtField,
    columns,
)
from veza_core.db.indexes import Index, search_index, set_index, word_indexes
from veza_core.db.operations import SetStorageParameters
from veza_core.db.text_checks import not_blank, slug
from veza_core.db.value_checks import labels, moment

#: A fiftieth of a hundred million rows, in place of a fifth or a tenth.
LARGE = {
    "autovacuum_vacuum_scale_factor": 0.02,
    "autovacuum_vacuum_insert_scale_factor": 0.02,
    "autovacuum_analyze_scale_factor": 0.02,
}


class Migration(migrations.Migration):
    initial = True

    dependencies = [("veza_core", "020_rbac_and_profiles")]

    operations = [
        migrations.CreateModel(
            name="Track",
            fields=columns(
                id=IdField(),
                user=CascadeKey(
                    db_comment="Who uploaded it", related_name="tracks", to=settings.AUTH_USER_MODEL
                ),
                title=models.CharField(db_comment="Title, as shown", max_length=255),
                slug=models.CharField(
                    blank=True,
                    db_comment="Address, unique among live rows",
                    max_length=255,
                    null=True,
                ),
                artist=models.CharField(
                    blank=True, db_comment="As shown", max_length=255, null=True
                ),
                album=models.CharField(
                    blank=True, db_comment="As shown", max_length=255, null=True
                ),
                genre=models.CharField(
                    blank=True,
                    db_comment="One genre, open vocabulary, such as house, jazz",
                    max_length=100,
                    null=True,
                ),
                release_year=models.SmallIntegerField(
                    blank=True, db_comment="Year of first release (Gregorian)", null=True
                ),
                tags=ArrayField(
                    base_field=models.CharField(max_length=100),
                    blank=True,
                    db_comment="Free labels, by the uploader: 50 at most",
                    db_default=[],
                ),
                duration_ms=models.IntegerField(
                    blank=True, db_comment="Length in milliseconds; NULL: not yet known", null=True
                ),
                file_path=models.TextField(db_comment="The original file, in object storage"),
                file_size=models.BigIntegerField(
                    blank=True, db_comment="Size of the original file in bytes", null=True
                ),
                format=models.CharField(
                    blank=True,
                    db_comment="Container or codec, open vocabulary, such as flac, mp3",
                    max_length=20,
                    null=True,
                ),
                bitrate=models.IntegerField(
                    blank=True, db_comment="Of the original file, in kbit/s", null=True
                ),
                sample_rate=models.IntegerField(
                    blank=True, db_comment="Of the original file, in Hz", null=True
                ),
                cover_art_path=models.TextField(
                    blank=True, db_comment="Picture, in object storage", null=True
                ),
                waveform_path=models.TextField(
                    blank=True, db_comment="Waveform data, in object storage", null=True
                ),
                status=EnumField(
                    db_comment="Processing state", db_default="uploading", enum_type="track_status"
                ),
                is_public=models.BooleanField(
                    db_comment="Whether others may find it", db_default=True
                ),
                published_at=models.DateTimeField(
                    blank=True, db_comment="When it was published; NULL: it was not", null=True
                ),
                play_count=models.BigIntegerField(
                    db_comment="Plays, counted by the services", db_default=0
                ),
                like_count=models.BigIntegerField(
                    db_comment="Likes, counted by the services", db_default=0
                ),
                comment_count=models.BigIntegerField(
                    db_comment="Comments, counted by the services", db_default=0
                ),
                weekly_play_count=models.IntegerField(
                    db_comment="Plays of the last 7 days, as manage.py count_weekly_plays last counted them; 0: not among the most played",
                    db_default=0,
                ),
                created_at=CreatedAtField(),
                updated_at=UpdatedAtField(),
                deleted_at=DeletedAtField(),
            ),
            options={
                "db_table": "tracks",
                "db_table_comment": "Pieces of music that users uploaded",
                "indexes": [
                    Index(fields=["user", "-created_at"], name="idx_tracks_user_id_created_at"),
                    Index(fields=["-created_at"], name="idx_tracks_created_at"),
                    Index(fields=["genre", "-created_at"], name="idx_tracks_genre_created_at"),
                    Index(
                        fields=["status", "-created_at"],
                        condition=~Q(status="ready"),
                        name="idx_tracks_status_created_at",
                    ),
                    Index(
                        fields=["-weekly_play_count"],
                        condition=Q(weekly_play_count__gt=0),
                        name="idx_tracks_weekly_play_count",
                    ),
                    *word_indexes("tracks", "title"),
                    Index(Upper("artist"), name="idx_tracks_artist_upper"),
                    search_index("tracks", "title"),
                    search_index("tracks", "artist"),
                    set_index("tracks", "deleted_at"),
                ],
                "constraints": [
                    UniqueConstraint(fields=["slug"], condition=LIVE, name="idx_tracks_slug"),
                    not_blank("tracks", "title"),
                    slug("tracks"),
                    not_blank("tracks", "artist"),
                    not_blank("tracks", "album"),
                    not_blank("tracks", "genre"),
                    labels("tracks", "tags", 50),
                    non_negative("tracks", "duration_ms"),
                    non_negative("tracks", "file_size"),
                    positive("tracks", "bitrate"),
                    positive("tracks", "sample_rate"),
                    non_negative("tracks", "play_count"),
                    non_negative("tracks", "like_count"),
                    non_negative("tracks", "comment_count"),
                    non_negative("tracks", "weekly_play_count"),
                    moment("tracks", "published_at"),
                ],
            },
        ),
        migrations.CreateModel(
            name="TrackVersion",
            fields=columns(
                id=IdField(),
                track=CascadeKey(
                    db_comment="The track it is a version of",
                    related_name="versions",
                    to="veza_streaming.track",
                ),
                created_by=SetNullKey(
                    db_comment="Who uploaded it; NULL: an account since removed",
                    related_name="track_versions",
                    to=settings.AUTH_USER_MODEL,
                ),
                version_number=models.IntegerField(db_comment="1, 2, 3, … within the track"),
                file_path=models.TextField(db_comment="The file, in object storage"),
                file_size=models.BigIntegerField(blank=True, db_comment="Size in bytes", null=True),
                changelog=models.TextField(
                    blank=True, db_comment="What changed, for people", null=True
                ),
                created_at=CreatedAtField(),
                updated_at=UpdatedAtField(),
                deleted_at=DeletedAtField(),
            ),
            options={
                "db_table": "track_versions",
                "db_table_comment": "Files that replaced, or will replace, a track's first one",
                "indexes": [
                    Index(
                        fields=["track", "-created_at"],
                        name="idx_track_versions_track_id_created_at",
                    ),
                    Index(
                        fields=["created_by", "-created_at"],
                        name="idx_track_versions_created_by_id_created_at",
                    ),
                    Index(fields=["-created_at"], name="idx_track_versions_created_at"),
                    set_index("track_versions", "deleted_at"),
                ],
                "constraints": [
                    UniqueConstraint(
                        fields=["track", "version_number"],
                        condition=LIVE,
                        name="idx_track_versions_track_id_version_number",
                    ),
                    positive("track_versions", "version_number"),
                    non_negative("track_versions", "file_size"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Playlist",
            fields=columns(
                id=IdField(),
                user=CascadeKey(
                    db_comment="Who owns it", related_name="playlists", to=settings.AUTH_USER_MODEL
                ),
                title=models.CharField(db_comment="Title, as shown", max_length=255),
                slug=models.CharField(
                    blank=True,
                    db_comment="Address, unique among live rows",
                    max_length=255,
                    null=True,
                ),
                description=models.TextField(
                    blank=True, db_comment="In the owner's words", null=True
                ),
                cover_url=models.TextField(blank=True, db_comment="Picture", null=True),
                is_public=models.BooleanField(
                    db_comment="Whether others may find it", db_default=True
                ),
                track_count=models.IntegerField(
                    db_comment="Tracks, counted by the services", db_default=0
                ),
                follower_count=models.IntegerField(
                    db_comment="Followers, counted by the services", db_default=0
                ),
                created_at=CreatedAtField(),
                updated_at=UpdatedAtField(),
                deleted_at=DeletedAtField(),
            ),
            options={
                "db_table": "playlists",
                "db_table_comment": "Lists of tracks that users made",
                "indexes": [
                    Index(fields=["user", "-created_at"], name="idx_playlists_user_id_created_at"),
                    Index(fields=["-created_at"], name="idx_playlists_created_at"),
                    Index(Upper("title"), name="idx_playlists_title_upper"),
                    search_index("playlists", "title"),
                    set_index("playlists", "deleted_at"),
                ],
                "constraints": [
                    UniqueConstraint(fields=["slug"], condition=LIVE, name="idx_playlists_slug"),
                    not_blank("playlists", "title"),
                    slug("playlists"),
                    non_negative("playlists", "track_count"),
                    non_negative("playlists", "follower_count"),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlaylistTrack",
            fields=columns(
                id=IdField(),
                playlist=CascadeKey(
                    db_comment="The playlist it is in",
                    related_name="playlist_tracks",
                    to="veza_streaming.playlist",
                ),
                track=CascadeKey(
                    db_comment="The track that is in it",
                    related_name="playlist_tracks",
                    to="veza_streaming.track",
                ),
                added_by=SetNullKey(
                    db_comment="Who added it; NULL: an account since removed",
                    related_name="playlist_tracks_added",
                    to=settings.AUTH_USER_MODEL,
                ),
                position=models.IntegerField(db_comment="Order within the playlist, from 0"),
                created_at=CreatedAtField(),
                updated_at=UpdatedAtField(),
                deleted_at=DeletedAtField(),
            ),
            options={
                "db_table": "playlist_tracks",
                "verbose_name": "playlist entry",
                "verbose_name_plural": "playlist entries",
                "db_table_comment": "Which track is in which playlist, and at which position",
                "indexes": [
                    Index(
                        fields=["playlist", "position"],
                        name="idx_playlist_tracks_playlist_id_position",
                    ),
                    Index(
                        fields=["track", "-created_at"],
                        name="idx_playlist_tracks_track_id_created_at",
                    ),
                    Index(
                        fields=["added_by", "-created_at"],
                        name="idx_playlist_tracks_added_by_id_created_at",
                    ),
                    Index(fields=["-created_at"], name="idx_playlist_tracks_created_at"),
                    set_index("playlist_tracks", "deleted_at"),
                ],
                "constraints": [
                    UniqueConstraint(
                        fields=["track", "playlist"],
                        condition=LIVE,
                        name="idx_playlist_tracks_track_id_playlist_id",
                    ),
                    non_negative("playlist_tracks", "position"),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlaylistCollaborator",
            fields=columns(
                id=IdField(),
                playlist=CascadeKey(
                    db_comment="The playlist that is shared",
                    related_name="collaborators",
                    to="veza_streaming.playlist",
                ),
                user=CascadeKey(
                    db_comment="Who it is shared with",
                    related_name="playlist_collaborations",
                    to=settings.AUTH_USER_MODEL,
                ),
                invited_by=SetNullKey(
                    db_comment="Who invited; NULL: an account since removed",
                    related_name="playlist_invitations",
                    to=settings.AUTH_USER_MODEL,
                ),
                permission=EnumField(
                    db_comment="What the collaborator may do",
                    db_default="read",
                    enum_type="playlist_permission",
                ),
                accepted_at=models.DateTimeField(
                    blank=True,
                    db_comment="When the invitation was accepted; NULL: not yet",
                    null=True,
                ),
                created_at=CreatedAtField(),
                updated_at=UpdatedAtField(),
                deleted_at=DeletedAtField(),
            ),
            options={
                "db_table": "playlist_collaborators",
                "verbose_name": "collaborator",
                "db_table_comment": "Who may see or change somebody else's playlist",
                "indexes": [
                    Index(fields=["playlist"], name="idx_playlist_collaborators_playlist_id"),
                    Index(
                        fields=["user", "-created_at"],
                        name="idx_playlist_collaborators_user_id_created_at",
                    ),
                    Index(fields=["invited_by"], name="idx_playlist_collaborators_invited_by_id"),
                    set_index("playlist_collaborators", "deleted_at"),
                ],
                "constraints": [
                    UniqueConstraint(
                        fields=["playlist", "user"],
                        condition=LIVE,
                        name="idx_playlist_collaborators_playlist_id_user_id",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PlaylistFollow",
            fields=columns(
                id=IdField(),
                playlist=CascadeKey(
                    db_comment="The playlist that is followed",
                    related_name="follows",
                    to="veza_streaming.playlist",
                ),
                user=CascadeKey(
                    db_comment="Who follows it",
                    related_name="playlist_follows",
                    to=settings.AUTH_USER_MODEL,
                ),
                created_at=CreatedAtField(),
                updated_at=UpdatedAtField(),
                deleted_at=DeletedAtField(),
            ),
            options={
                "db_table": "playlist_follows",
                "verbose_name": "follower",
                "db_table_comment": "Which user follows which playlist",
                "indexes": [
                    Index(
                        fields=["playlist", "-created_at"],
                        name="idx_playlist_follows_playlist_id_created_at",
                    ),
                    Index(
                        fields=["user", "-created_at"],
                        name="idx_playlist_follows_user_id_created_at",
                    ),
                    set_index("playlist_follows", "deleted_at"),
                ],
                "constraints": [
                    UniqueConstraint(
                        fields=["user", "playlist"],
                        condition=LIVE,
                        name="idx_playlist_follows_user_id_playlist_id",
                    )
                ],
            },
        ),
        SetStorageParameters("tracks", fillfactor=95, **LARGE),
        SetStorageParameters("playlists", **LARGE),
        SetStorageParameters("playlist_tracks", **LARGE),
        SetStorageParameters("playlist_follows", **LARGE),
    ]
