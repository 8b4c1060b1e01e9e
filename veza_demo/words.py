"""The words and texts of the demo data."""

from psycopg.types.json import Jsonb

from .binary import encoded, words


def _split(text: str, by: str = " ") -> list[str]:
    return text.split(by)


# People -----------------------------------------------------------------------------------------

#: Given names; e-mail addresses use them too, so all are ASCII.
GIVEN = _split(
    "Amara Lena Mateo Yuki Noah Priya Sofia Liam Zoë Chloé Omar Ingrid Diego Hana Kofi Marta "
    "Jonas Aisha Luca Elif Tomás Nina Viktor Mei Samuel Ines Rafael Freya Anton Leila Hugo "
    "Ewa Dmitri Thandi Oscar Bianca Kenji Clara André Salma Felix Rosa Emil Nadia Pablo "
    "Greta Ravi Julia"
)
FAMILY = _split(
    "Okafor Lindqvist Moreau Tanaka Silva Novak Rossi Haddad Kowalski Müller Ortega Nguyen "
    "Brandt Kaya Dubois Ivanova Mensah Larsen Costa Patel Weber Sato Fischer Romero Castillo "
    "Popescu Berg Abebe Jansen Murphy García Horvat Kim Petrov Santos Wright Nakamura "
    "Ferrari Lopez Novotná"
)
_ASCII = str.maketrans("ëéáüía", "eeauia")
GIVEN_NAMES, FAMILY_NAMES = words(GIVEN), words(FAMILY)
#: With the dot that follows in an e-mail address.
GIVEN_ASCII = words([f"{name.translate(_ASCII).lower()}." for name in GIVEN])
FAMILY_ASCII = words([name.translate(_ASCII).lower() for name in FAMILY])

#: Eight letters at most, and seven for a thing, because a username has 30 at most.
MOODS = _split(
    "velvet silent golden neon broken lunar electric hollow crimson distant paper silver "
    "midnight burning frozen gentle hidden lucky restless wild amber cosmic faded glass "
    "humble iron jagged lonely mellow northern"
)
THINGS = _split(
    "fox river mirror signal garden engine harbor window shadow parade comet lantern meadow "
    "orchard tower ocean saloon canyon feather circus ember forest island kingdom letter "
    "machine pilot raven summer thunder"
)
MOOD, THING = words(MOODS), words(THINGS)
MOOD_TITLE = words([word.capitalize() for word in MOODS])
THING_TITLE = words([word.capitalize() for word in THINGS])

BIOS = words(
    [
        "Bedroom producer, mostly at night.",
        "Records, coffee, repeat.",
        "I collect field recordings from trains.",
        "Drummer. Sorry, neighbours.",
        "Jazz before noon, techno after.",
        "Écoute tout, juge peu.",
        "Música para cocinar y para bailar.",
        "音楽と猫が好きです。",
        "Making playlists for people who do not ask for them.",
        "Singer, songwriter, part-time gardener.",
    ]
)
PLACES = words(
    _split(
        "Lagos;Berlin;São Paulo;Osaka;Lisbon;Warsaw;Montréal;Nairobi;Istanbul;Austin, TX;Mumbai;"
        "Copenhagen;Ciudad de México;Manchester;Seoul;Cape Town;Lyon;Reykjavík",
        ";",
    )
)
GENDERS = words(["female", "male", "non-binary", "rather not say"])
SOCIAL_LINKS = encoded(
    "jsonb",
    [
        {},
        {"instagram": "https://instagram.example/demo"},
        {"mastodon": "https://social.example/@demo", "website": "https://demo.example.com"},
        {"youtube": "https://video.example/demo"},
    ],
)
LANGUAGES = words(["en", "en", "en", "es", "fr", "de", "ja", "pt-BR", "pl", "tr"])
TIME_ZONES = words(
    _split(
        "UTC Europe/Berlin America/New_York America/Sao_Paulo Asia/Tokyo Africa/Lagos "
        "Europe/Lisbon Asia/Kolkata"
    )
)
THEMES = words(["system", "dark", "light"])
NOTIFICATIONS = encoded(
    "jsonb", [{}, {"new_follower": ["push"]}, {"comment": ["push", "email"], "like": []}]
)
PRIVACY = encoded(
    "jsonb", [{}, {"show_plays": False}, {"show_likes": False, "show_playlists": True}]
)

PROVIDERS = words(["google", "apple", "facebook", "spotify", "github"])
ROLES = words(["user", "premium", "support", "moderator", "admin", "super_admin"])

# Clients ----------------------------------------------------------------------------------------

USER_AGENTS = words(
    [
        "Veza/4.2 (iPhone; iOS 18.1)",
        "Veza/4.1 (Android 15; Pixel 9)",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/131.0",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) Version/18.0 Safari/605.1.15",
        "Mozilla/5.0 (X11; Linux x86_64) Chrome/129.0 Safari/537.36",
        "VezaDesktop/2.8 (Windows)",
    ]
)
DEVICE_NAMES = words(
    ["iPhone 15", "Pixel 9", "Firefox on Windows", "Safari on Mac", "Chrome on Linux", "Desktop"]
)
DEVICES = words(["phone", "phone", "phone", "web", "web", "desktop", "tablet", "speaker", "tv"])
SOURCES = words(["playlist", "search", "album", "profile", "radio", "share", "feed", "library"])
COUNTRIES = words(_split("US US US GB DE FR BR JP NG IN MX PL ES IT TR KE KR CA AU SE NL PT ZA"))
ADAPTATIONS = words(["bandwidth", "bandwidth", "buffer", "buffer", "user", "startup"])

# Music ------------------------------------------------------------------------------------------

GENRES = words(
    _split(
        "Pop;Hip-Hop;Rock;Electronic;House;Techno;Afrobeats;R&B;Jazz;Ambient;Indie;Reggaeton;"
        "Lo-Fi;Classical;Metal;Drum & Bass;Folk;Soul;K-Pop;Punk;Country;Blues;Bossa Nova;Dub",
        ";",
    )
)
SPACE = words([" "])
TITLE_ENDS = words(["", "", "", " (Live)", " (Remix)", " (Acoustic)", " (Demo)", ", Pt. 2"])
TITLES_ABROAD = words(
    _split(
        "Café del Mar;真夜中のドア;Ночной поезд;Été sans fin;Corazón de papel;Żółty liść;"
        "Gece Yarısı;서울의 밤",
        ";",
    )
)
BANDS = words(["The ", "The ", "", "", "DJ ", "Little "])
TAGS = encoded(
    "varchar[]",
    [
        [],
        ["chill"],
        ["live", "acoustic"],
        ["remix", "club"],
        ["instrumental"],
        ["demo"],
        ["summer", "2020s"],
        ["lo-fi", "study", "night"],
    ],
)
FORMATS = words(["flac", "mp3", "wav", "aac", "ogg"])
TRACK_STATUSES = words(["ready", "uploading", "processing", "failed"])
CHANGELOGS = words(
    [
        "New master",
        "Fixed the clipping at the end",
        "Shorter intro",
        "Re-exported at 48 kHz",
        "Vocals louder",
    ]
)
PLAYLIST_TITLES = words(
    _split(
        "Morning;Late night;Running;Focus;Road trip;Rainy day;Party;Sunday;Gym;Dinner;Sommer;Été",
        ";",
    )
)
PLAYLIST_ENDS = words([" mix", " favourites", " vibes", " classics", " discoveries", " drive"])
PLAYLIST_TEXTS = words(
    [
        "Updated every Friday.",
        "No skips.",
        "For long evenings.",
        "Send me what is missing!",
        "Everything I found this month.",
    ]
)
PLAYLIST_PERMISSIONS = words(["read", "write", "admin"])
SHARE_PERMISSIONS = words(["stream", "stream", "stream", "download"])
COMMENTS = words(
    [
        "This bassline!",
        "On repeat since yesterday.",
        "The drop at the end is unreal 🔥",
        "Reminds me of summer 2019.",
        "Mix is a bit quiet, but what a song.",
        "Who is singing the second verse?",
        "Please make a longer version.",
        "Found this by accident and stayed.",
        "Que temazo.",
        "最高！",
        "Played it at our wedding.",
        "The strings give me goosebumps every single time I come back to it.",
    ]
)
REPLIES = words(
    [
        "Agreed!",
        "Thank you for listening.",
        "Same here.",
        "It is on the next release.",
        "Which headphones do you use?",
        "+1",
    ]
)
MORE = words(["", "", "", " ❤", " Greetings from far away.", " (third time today)"])

# History: actions, with the values before and after (None: no value).
HISTORY = (
    ("created", None, {"status": "uploading"}),
    ("updated", {"title": "Untitled"}, {"title": "Final title"}),
    ("published", {"is_public": False}, {"is_public": True}),
    ("updated", {"genre": None}, {"genre": "Pop"}),
    ("hidden", {"is_public": True}, {"is_public": False}),
    ("waveform removed", {"waveform_path": "waveforms/old.json"}, None),
)
ACTIONS = words([action for action, _, _ in HISTORY])
OLD_VALUES = encoded("jsonb", [Jsonb(old) for _, old, _ in HISTORY])
NEW_VALUES = encoded("jsonb", [Jsonb(new) for _, _, new in HISTORY])

# Media ------------------------------------------------------------------------------------------

HLS_STATUSES = words(["ready", "pending", "processing", "failed"])
RENDITIONS = encoded("int4[]", [[64, 128, 256], [96, 160, 320], [64, 96, 128, 192, 256, 320]])
NO_RENDITIONS = encoded("int4[]", [[]])
JOB_STATUSES = words(["completed", "pending", "processing", "failed", "cancelled"])
JOB_ERRORS = words(
    [
        "ffmpeg: Invalid data found when processing input",
        "download from object storage timed out after 60 s",
        "worker was killed: out of memory",
        "unsupported codec: wmapro",
    ]
)
ROOM_NAMES = words(
    ["General", "Producers", "Feedback", "Gear talk", "Newcomers", "Off topic", "Releases"]
)
ROOM_TEXTS = words(["Say hello.", "Share what you work on.", "Be kind.", "Questions welcome."])

BITRATES: tuple[int, ...] = (64, 96, 128, 160, 192, 256, 320)
