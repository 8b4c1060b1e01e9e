"""Bad and good values of each kind of check that docs/schema.md has a word for."""

HASH = "$2b$12$" + "Ab./9" * 10 + "xyz"
#: A zero-width space, a joiner, a mark that turns the direction round, and their like.
UNSEEN = "\u200b\u200c\u200d\u202e\u2066\u2060\ufeff\u00ad\u180e\u3164\u115f\u2800\ufe0f\U000e0041"
#: What shows nothing, as whole values.
BLANKS = ["", " ", "\t", "\n", "\r\n ", "\u00a0", "\u2003\u3000", "\u0085", "\x01", "\x7f", *UNSEEN]

BAD = {
    "not blank": BLANKS,
    "an address": [
        *("", " ", "bob", "a@b", "@b.co", "a@", "a@.co", "a@b.", "a@b.co.", "a@b..co", "a@-b.co"),
        *("a@b-.co", "a@@b.co", "a@b@c.co", ".a@b.co", "a.@b.co", "a..b@b.co", "A@b.co", "a@B.co"),
        *("a b@b.co", " a@b.co", "a@b.co ", "a@b.co\n", "a\t@b.co", "a@b .co", "é@b.co", "a@é.co"),
        *(
            "a\u200b@b.co",
            "a@b\u202e.co",
            "\uff41@b.co",
            "a@b.co,c@d.co",
            "<a@b.co>",
            "a@[127.0.0.1]",
        ),
        f"a@{'b' * 64}.co",
    ],
    "a plain text": [
        *("al ice", " alice", "alice ", "alice\n", "a\tlice", "al@ice", "@alice", "alice\u00a0"),
        *(f"ali{character}ce" for character in UNSEEN),
        *("\uff41lice", "e\u0301lise", "\ufb01ona", "\u2160lex"),
    ],
    "a slug": [
        "",
        " ",
        "A",
        "My-song",
        "-a",
        ".a",
        "_a",
        "a b",
        "a/b",
        "a\n",
        "é",
        "a\u200b",
        "\uff41",
    ],
    "a bcrypt": [
        *("", "x", "password", HASH[:-1], HASH + "x", HASH + "\n", " " + HASH, "bcrypt$" + HASH),
        *(HASH.replace("2b", kind) for kind in ("2", "2x", "2B", "1", "5")),
        *(HASH.replace("12", cost) for cost in ("3", "03", "32", "1", "xx")),
        HASH[:-1] + "é",
    ],
    "a country": ["de", "De", "D", "D1", "", "  ", "Ä", "ÄÖ", "\uff24\uff25"],
    "a moment": ["infinity", "-infinity", "10000-01-01 UTC", "12000-01-01", "0044-03-15 BC"],
    "a day": ["infinity", "-infinity", "10000-01-01", "0001-12-31 BC"],
    "an object": ["null", "[]", "[1]", "1", '"a"', "true"],
    "labels": [
        *("{{a,b},{c,d}}", "{{a}}", "{NULL}", "{a,NULL}", '{""}', '{a,""}', "[0:1]={a,b}"),
        "{" + ",".join(["a"] * 51) + "}",
    ],
    "numbers": ["{{1,2},{3,4}}", "{{1}}", "{NULL}", "{1,NULL}", "{0}", "{64,-1}", "[2:3]={1,2}"],
}
GOOD = {
    "not blank": ["a", " a ", "\u200da", ".", "真", "👍", "\u0301e"],
    "an address": [
        *("a@b.co", "a.b+c@sub.b-c.example", "o'neil@b.co", "1@1.co", "a_b@xn--bcher-kva.example"),
        f"{'a' * 64}@{'b' * 63}.co",
    ],
    "a plain text": ["alice", "éàü", "真夜中", "a.b-c_d", "Алиса", "o'neil"],
    "a slug": ["a", "1", "my-song", "a.b_c-9", "a" * 255],
    "a bcrypt": [
        HASH,
        HASH.replace("2b", "2a"),
        HASH.replace("2b", "2y"),
        HASH.replace("12", "31"),
    ],
    "a country": ["DE", "ZZ"],
    "a moment": ["0001-01-01 UTC", "2026-01-01", "9999-12-31 23:59:59.999999 UTC"],
    "a day": ["0001-01-01", "1990-02-28", "9999-12-31"],
    "an object": ["{}", '{"a": null}'],
    "labels": ["{}", "{a}", '{a,b," c "}', "{" + ",".join(["a"] * 50) + "}", "{NULL_}"],
    "numbers": ["{}", "{1}", "{64,128,320}"],
}

#: The columns of each kind.
COLUMNS = {
    "not blank": [
        *("federated_identities.provider", "federated_identities.provider_user_id"),
        *("federated_identities.display_name", "roles.name", "roles.display_name"),
        *("permissions.name", "permissions.resource", "permissions.action"),
        *("user_profiles.display_name", "user_profiles.first_name", "user_profiles.last_name"),
        *("tracks.title", "tracks.artist", "tracks.album", "tracks.genre", "playlists.title"),
        *("track_comments.content", "rooms.name"),
    ],
    "an address": ["users.email", "email_verification_tokens.email"],
    "a plain text": ["users.username"],
    "a slug": ["users.slug", "tracks.slug", "playlists.slug"],
    "a bcrypt": ["users.password_hash"],
    "a country": ["track_plays.country_code"],
    "a moment": [
        *("federated_identities.token_expires_at", "user_sessions.expires_at"),
        *("refresh_tokens.expires_at", "password_reset_tokens.expires_at"),
        *("email_verification_tokens.expires_at", "user_roles.expires_at"),
        *("tracks.published_at", "track_shares.expires_at"),
    ],
    "a day": ["user_profiles.birthdate"],
    "an object": [
        *("user_profiles.social_links", "user_settings.notification_preferences"),
        *("user_settings.privacy_preferences", "track_history.old_value"),
        "track_history.new_value",
    ],
    "labels": ["tracks.tags"],
    "numbers": ["hls_streams.bitrates"],
}

#: What each of these checks refuses, by its name.
BAD_VALUES = {
    f"chk_{place.replace('.', '_')}": [{place.partition(".")[2]: value} for value in BAD[kind]]
    for kind, places in COLUMNS.items()
    for place in places
}
