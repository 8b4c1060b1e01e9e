"""How many rows each table gets."""

from dataclasses import dataclass, replace

#: Users, tracks, playlists, plays, likes, comments.
SCALES = {
    "small": (500, 2_000, 250, 10_000, 2_000, 1_000),
    "medium": (20_000, 100_000, 10_000, 500_000, 100_000, 25_000),
    "large": (1_000_000, 5_000_000, 500_000, 20_000_000, 4_000_000, 1_000_000),
}

#: Fewer users than that cannot be in every state, nor own anything in time.
LEAST = {"users": 100, "tracks": 50, "playlists": 10, "plays": 0, "likes": 0, "comments": 0}
#: Row numbers are multiplied with each other, in 63 bits.
MOST = 200_000_000

#: A thread of comments: replies stand beside what they reply to.
THREAD = 4


class CountError(ValueError):
    """A count that cannot be; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The rows of the tables that are asked for by number; all others follow from them."""

    users: int
    tracks: int
    playlists: int
    plays: int
    likes: int
    comments: int

    @property
    def staff(self) -> int:
        """How many of the users are staff: the first ones, four of them known by address."""
        return 6 + min(self.users // 500, 500)

    @property
    def threads(self) -> int:
        """Groups of comments on one track."""
        return self.comments // THREAD

    def of_tables(self) -> dict[str, int]:
        """Rows by table, in an order in which parents come before their children.

        roles, permissions and role_permissions have what the migrations insert.
        """
        users, tracks, playlists, plays = self.users, self.tracks, self.playlists, self.plays
        return {
            "users": users,
            "federated_identities": users // 10 * 2,
            "user_sessions": users,
            "refresh_tokens": users,
            "password_reset_tokens": users // 5,
            "email_verification_tokens": users // 4,
            "user_roles": self.staff * 2,
            "user_profiles": users * 9 // 10,
            "user_settings": users * 9 // 10,
            "tracks": tracks,
            "track_versions": tracks // 5 * 2,
            "playlists": playlists,
            "playlist_tracks": playlists * 10,
            "playlist_collaborators": playlists,
            "playlist_follows": playlists * 2,
            "track_plays": plays,
            "track_likes": self.likes,
            "track_shares": max(users // 5, 40),
            "track_comments": self.threads * THREAD,
            "track_history": max(tracks // 5, 40),
            "playback_analytics": max(plays // 10, 40),
            "hls_streams": tracks // 2,
            "hls_transcode_queue": tracks // 5,
            "bitrate_adaptation_logs": max(plays // 20, 40),
            "rooms": max(users // 50, 20),
        }


def choose_counts(scale: str, **explicit: int | None) -> Counts:
    """The counts of a scale, with those that are given in their place.

    Raises `CountError` for a number that is too small or too large.
    """
    given = {name: number for name, number in explicit.items() if number is not None}
    for name, number in given.items():
        if number < LEAST[name]:
            raise CountError(f"--{name} {number}: at least {LEAST[name]:,}")
        if number > MOST:
            raise CountError(f"--{name} {number}: at most {MOST:,}")
    return replace(Counts(*SCALES[scale]), **given)
