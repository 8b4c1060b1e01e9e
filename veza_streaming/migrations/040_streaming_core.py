"""Tracks and playlists."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Upper

from veza_core.db.constraints import LIVE, non_negative, positive
from veza_core.db.fields import CascadeKey, EnumField, SetNullKey, soft_delete_columns
from veza_core.db.indexes import Index, index_on, search_index, set_index, unique_on, word_indexes
from veza_core.db.operations import LARGE, SetStorageParameters
from veza_core.db.text_checks import not_blank, slug
from veza_core.db.value_checks import labels, moment


class Migration(migrations.Migration):
    initial = True

    dependencies = [("veza_core", "020_rbac_and_profiles")]

    operations = [
        migrations.CreateModel(
            name="Track",
            fields=soft_delete_columns(
                user=CascadeKey(
                    db_comment="Who uploaded it", related_name="tracks", to=settings.AUTH_USER_MODEL
                ),
                title=models.CharField(db_comment="Title, as shown", max_length=255),
                slug=models.CharField(
                    blank=True,
                    db_comment="Name in URLs; unique among live rows",
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
                    db_comment="Labels that the uploader chose, 50 at most",
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
                    blank=True, db_comment="When it was published; NULL: not published", null=True
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
            ),
            options={
                "db_table": "tracks",
                "db_table_comment": "Pieces of music that users uploaded",
                "indexes": [
                    index_on("tracks", "user_id", "-created_at"),
                    index_on("tracks", "-created_at"),
                    index_on("tracks", "genre", "-created_at"),
                    index_on("tracks", "status", "-created_at", condition=~Q(status="ready")),
                    index_on("tracks", "-weekly_play_count", condition=Q(weekly_play_count__gt=0)),
                    *word_indexes("tracks", "title"),
                    Index(Upper("artist"), name="idx_tracks_artist_upper"),
                    search_index("tracks", "title"),
                    search_index("tracks", "artist"),
                    set_index("tracks", "deleted_at"),
                ],
                "constraints": [
                    unique_on("tracks", "slug", condition=LIVE),
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
            fields=soft_delete_columns(
                track=CascadeKey(
                    db_comment="The track it is a version of",
                    related_name="versions",
                    to="veza_streaming.track",
                ),
                created_by=SetNullKey(
                    db_comment="Who uploaded it; NULL: a permanently deleted account",
                    related_name="track_versions",
                    to=settings.AUTH_USER_MODEL,
                ),
                version_number=models.IntegerField(db_comment="1, 2, 3, … within the track"),
                file_path=models.TextField(db_comment="The file, in object storage"),
                file_size=models.BigIntegerField(blank=True, db_comment="Size in bytes", null=True),
                changelog=models.TextField(
                    blank=True, db_comment="Description of the changes", null=True
                ),
            ),
            options={
                "db_table": "track_versions",
                "db_table_comment": "Files that replaced, or will replace, a track's first one",
                "indexes": [
                    index_on("track_versions", "track_id", "-created_at"),
                    index_on("track_versions", "created_by_id", "-created_at"),
                    index_on("track_versions", "-created_at"),
                    set_index("track_versions", "deleted_at"),
                ],
                "constraints": [
                    unique_on("track_versions", "track_id", "version_number", condition=LIVE),
                    positive("track_versions", "version_number"),
                    non_negative("track_versions", "file_size"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Playlist",
            fields=soft_delete_columns(
                user=CascadeKey(
                    db_comment="Who owns it", related_name="playlists", to=settings.AUTH_USER_MODEL
                ),
                title=models.CharField(db_comment="Title, as shown", max_length=255),
                slug=models.CharField(
                    blank=True,
                    db_comment="Name in URLs; unique among live rows",
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
            ),
            options={
                "db_table": "playlists",
                "db_table_comment": "Lists of tracks that users created",
                "indexes": [
                    index_on("playlists", "user_id", "-created_at"),
                    index_on("playlists", "-created_at"),
                    Index(Upper("title"), name="idx_playlists_title_upper"),
                    search_index("playlists", "title"),
                    set_index("playlists", "deleted_at"),
                ],
                "constraints": [
                    unique_on("playlists", "slug", condition=LIVE),
                    not_blank("playlists", "title"),
                    slug("playlists"),
                    non_negative("playlists", "track_count"),
                    non_negative("playlists", "follower_count"),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlaylistTrack",
            fields=soft_delete_columns(
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
                    db_comment="Who added it; NULL: a permanently deleted account",
                    related_name="playlist_tracks_added",
                    to=settings.AUTH_USER_MODEL,
                ),
                position=models.IntegerField(db_comment="Order within the playlist, from 0"),
            ),
            options={
                "db_table": "playlist_tracks",
                "verbose_name": "playlist entry",
                "verbose_name_plural": "playlist entries",
                "db_table_comment": "Which track is in which playlist, and at which position",
                "indexes": [
                    index_on("playlist_tracks", "playlist_id", "position"),
                    index_on("playlist_tracks", "track_id", "-created_at"),
                    index_on("playlist_tracks", "added_by_id", "-created_at"),
                    index_on("playlist_tracks", "-created_at"),
                    set_index("playlist_tracks", "deleted_at"),
                ],
                "constraints": [
                    unique_on("playlist_tracks", "track_id", "playlist_id", condition=LIVE),
                    non_negative("playlist_tracks", "position"),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlaylistCollaborator",
            fields=soft_delete_columns(
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
                    db_comment="Who invited; NULL: a permanently deleted account",
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
            ),
            options={
                "db_table": "playlist_collaborators",
                "verbose_name": "collaborator",
                "db_table_comment": "Who may see or change somebody else's playlist",
                "indexes": [
                    index_on("playlist_collaborators", "playlist_id"),
                    index_on("playlist_collaborators", "user_id", "-created_at"),
                    index_on("playlist_collaborators", "invited_by_id"),
                    set_index("playlist_collaborators", "deleted_at"),
                ],
                "constraints": [
                    unique_on("playlist_collaborators", "playlist_id", "user_id", condition=LIVE)
                ],
            },
        ),
        migrations.CreateModel(
            name="PlaylistFollow",
            fields=soft_delete_columns(
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
            ),
            options={
                "db_table": "playlist_follows",
                "verbose_name": "follower",
                "db_table_comment": "Which user follows which playlist",
                "indexes": [
                    index_on("playlist_follows", "playlist_id", "-created_at"),
                    index_on("playlist_follows", "user_id", "-created_at"),
                    set_index("playlist_follows", "deleted_at"),
                ],
                "constraints": [
                    unique_on("playlist_follows", "user_id", "playlist_id", condition=LIVE)
                ],
            },
        ),
        SetStorageParameters("tracks", fillfactor=95, **LARGE),
        SetStorageParameters("playlists", **LARGE),
        SetStorageParameters("playlist_tracks", **LARGE),
        SetStorageParameters("playlist_follows", **LARGE),
    ]
