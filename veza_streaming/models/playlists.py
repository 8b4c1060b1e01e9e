"""Playlists: their tracks, who may change them, who follows them."""

from django.db import models
from django.db.models.functions import Upper

from veza_core.counters import Counter
from veza_core.db.constraints import LIVE, non_negative
from veza_core.db.fields import CascadeKey, EnumField, SetNullKey
from veza_core.db.indexes import Index, index_on, search_index, set_index, unique_on
from veza_core.db.text_checks import not_blank, slug
from veza_core.models import SoftDeleteModel, User

from .tracks import Track


class PlaylistPermission(models.TextChoices):
    """The values of PostgreSQL type `playlist_permission`, in ascending order."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Playlist(SoftDeleteModel):
    """A list of tracks that a user made."""

    counters = (
        Counter("track_count", rows="playlist_tracks", key="playlist_id"),
        Counter("follower_count", rows="playlist_follows", key="playlist_id"),
    )

    user = CascadeKey(User, related_name="playlists", db_comment="Who owns it")
    title = models.CharField(max_length=255, db_comment="Title, as shown")
    slug = models.CharField(
        max_length=255, null=True, blank=True, db_comment="Name in URLs; unique among live rows"
    )
    description = models.TextField(null=True, blank=True, db_comment="In the owner's words")
    cover_url = models.TextField(null=True, blank=True, db_comment="Picture")
    is_public = models.BooleanField(db_default=True, db_comment="Whether others may find it")
    track_count = models.IntegerField(db_default=0, db_comment="Tracks, counted by the services")
    follower_count = models.IntegerField(
        db_default=0, db_comment="Followers, counted by the services"
    )

    class Meta:
        db_table = "playlists"
        db_table_comment = "Lists of tracks that users created"
        constraints = [
            unique_on("playlists", "slug", condition=LIVE),
            not_blank("playlists", "title"),
            slug("playlists"),
            non_negative("playlists", "track_count"),
            non_negative("playlists", "follower_count"),
        ]
        indexes = [
            # A user's playlists, newest first.
            index_on("playlists", "user_id", "-created_at"),
            # The newest playlists.
            index_on("playlists", "-created_at"),
            # Search by the whole title, in any case.
            Index(Upper("title"), name="idx_playlists_title_upper"),
            # Search by a part of the title.
            search_index("playlists", "title"),
            # The purge of playlists that were deleted long ago.
            set_index("playlists", "deleted_at"),
        ]

    def __str__(self) -> str:
        return self.title


class PlaylistTrack(SoftDeleteModel):
    """A track in a playlist."""

    playlist = CascadeKey(
        Playlist, related_name="playlist_tracks", db_comment="The playlist it is in"
    )
    track = CascadeKey(Track, related_name="playlist_tracks", db_comment="The track that is in it")
    added_by = SetNullKey(
        User,
        related_name="playlist_tracks_added",
        db_comment="Who added it; NULL: a permanently deleted account",
    )
    position = models.IntegerField(db_comment="Order within the playlist, from 0")

    class Meta:
        db_table = "playlist_tracks"
        db_table_comment = "Which track is in which playlist, and at which position"
        verbose_name = "playlist entry"
        verbose_name_plural = "playlist entries"
        constraints = [
            # The track first. PostgreSQL would use an index that begins with the playlist for the
            # playlist's first page, and read all of it
            # (docs/adr/0005-indexes-of-the-hot-queries.md).
            unique_on("playlist_tracks", "track_id", "playlist_id", condition=LIVE),
            non_negative("playlist_tracks", "position"),
        ]
        indexes = [
            # A playlist in its order.
            index_on("playlist_tracks", "playlist_id", "position"),
            # The playlists that a track is in.
            index_on("playlist_tracks", "track_id", "-created_at"),
            # What a user added.
            index_on("playlist_tracks", "added_by_id", "-created_at"),
            # The newest of all.
            index_on("playlist_tracks", "-created_at"),
            # The purge of entries that were deleted long ago.
            set_index("playlist_tracks", "deleted_at"),
        ]

    def __str__(self) -> str:
        return f"{self.playlist_id}: {self.track_id}"


class PlaylistCollaborator(SoftDeleteModel):
    """A user who may see or change somebody else's playlist."""

    playlist = CascadeKey(
        Playlist, related_name="collaborators", db_comment="The playlist that is shared"
    )
    user = CascadeKey(
        User, related_name="playlist_collaborations", db_comment="Who it is shared with"
    )
    invited_by = SetNullKey(
        User,
        related_name="playlist_invitations",
        db_comment="Who invited; NULL: a permanently deleted account",
    )
    permission = EnumField(
        enum_type="playlist_permission",
        choices=PlaylistPermission.choices,
        db_default=PlaylistPermission.READ,
        db_comment="What the collaborator may do",
    )
    accepted_at = models.DateTimeField(
        null=True, blank=True, db_comment="When the invitation was accepted; NULL: not yet"
    )

    class Meta:
        db_table = "playlist_collaborators"
        db_table_comment = "Who may see or change somebody else's playlist"
        verbose_name = "collaborator"
        constraints = [
            unique_on("playlist_collaborators", "playlist_id", "user_id", condition=LIVE)
        ]
        indexes = [
            # The unique index above is partial, so it cannot serve the foreign key.
            index_on("playlist_collaborators", "playlist_id"),
            # The playlists that are shared with a user.
            index_on("playlist_collaborators", "user_id", "-created_at"),
            # Whom a user invited.
            index_on("playlist_collaborators", "invited_by_id"),
            # The purge of rows that were deleted long ago.
            set_index("playlist_collaborators", "deleted_at"),
        ]

    def __str__(self) -> str:
        return f"{self.playlist_id}: {self.user_id}"


class PlaylistFollow(SoftDeleteModel):
    """A user who follows a playlist."""

    playlist = CascadeKey(
        Playlist, related_name="follows", db_comment="The playlist that is followed"
    )
    user = CascadeKey(User, related_name="playlist_follows", db_comment="Who follows it")

    class Meta:
        db_table = "playlist_follows"
        db_table_comment = "Which user follows which playlist"
        verbose_name = "follower"
        constraints = [unique_on("playlist_follows", "user_id", "playlist_id", condition=LIVE)]
        indexes = [
            # A playlist's followers, newest first.
            index_on("playlist_follows", "playlist_id", "-created_at"),
            # What a user follows, newest first.
            index_on("playlist_follows", "user_id", "-created_at"),
            # The purge of rows that were deleted long ago.
            set_index("playlist_follows", "deleted_at"),
        ]

    def __str__(self) -> str:
        return f"{self.playlist_id}: {self.user_id}"
