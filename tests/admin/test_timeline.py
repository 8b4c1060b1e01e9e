"""The page of a user and of a track: its head, and its timeline."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from model_bakery import baker

from tests.acting import take, url
from tests.admin.plans import captured, nodes, plan_of, queries_in, rows_read, use_sequential_scans
from tests.admin.test_actions import staff_with
from tests.staff import grant, make_staff, signed_in
from veza_core.models import FederatedIdentity, User, UserProfile, UserSession, UserSettings
from veza_media.models import HlsTranscodeJob
from veza_streaming.models import Playlist, Track, TrackComment, TrackPlay

pytestmark = pytest.mark.django_db

EVENT = re.compile(r"<li><time datetime=\"([^\"]+)\".*?<span>(.*?)</span>", re.DOTALL)


def page_of(row: Any, client: Client, more: str = "") -> str:
    meta = row._meta
    response = client.get(f"/admin/{meta.app_label}/{meta.model_name}/{row.pk}/{more}")
    assert response.status_code == 200
    return str(response.content.decode())


def events(text: str) -> list[tuple[str, str]]:
    """Times and texts of a timeline, in the page's order."""
    timeline = text.partition('class="timeline"')[2].partition("</ul>")[0]
    return [(at, re.sub("<[^>]+>", "", shown).strip()) for at, shown in EVENT.findall(timeline)]


def lived(bob: User) -> Track:
    """One event of each kind, one for each hour."""
    begin = datetime(2026, 5, 1, tzinfo=UTC)
    track = baker.make(Track, user=bob, title="Lunar Thunder", status="failed")
    made: list[Any] = [
        track,
        baker.make(UserSession, user=bob, ip_address="203.0.113.7", device_info="Firefox"),
        baker.make(TrackComment, user=bob, track=track, content="Buy followers"),
        baker.make(TrackPlay, user=bob, track=track),
        baker.make(Playlist, user=bob, title="Mine"),
    ]
    for hour, row in enumerate(made):
        type(row)._base_manager.filter(pk=row.pk).update(created_at=begin + timedelta(hours=hour))
    return track


def test_a_users_timeline_is_in_order_and_has_what_staff_did(support: Client, bob: User):
    lived(bob)
    take(support, bob, "ban", confirm="bob", reason="spam in 40 comments")
    shown = events(page_of(bob, support))
    assert [text.split(" ")[0] for _, text in shown] == [
        "alice:", "Made", "Played", "Commented", "Signed", "Uploaded",
    ]  # fmt: skip
    times = [at for at, _ in shown]
    assert times == sorted(times, reverse=True)
    assert shown[0][1].startswith("alice: Banned, because “spam in 40 comments”")
    assert "Lunar Thunder" in shown[3][1]
    assert "Buy followers" in shown[3][1]
    assert f'{url(bob, "unban")}">Undo' in page_of(bob, support, "timeline/")


def test_what_staff_did_is_whole_without_the_name(support: Client, bob: User):
    """Without the row's name, no text ends in "the e-mail of"."""
    take(support, bob, "change_email", confirm="bob", email="new@example.com", reason="lost")
    take(support, bob, "note", text="Called twice.")
    told = [text for _, text in events(page_of(bob, support))]
    assert told[0].startswith("alice: Noted")
    assert told[1].startswith("alice: Changed the e-mail, because “lost”")
    log = support.get("/admin/veza_site/stafflogentry/").content.decode()
    assert ">Changed the e-mail</a>" in log
    assert ">Noted</a>" in log
    for text in (page_of(bob, support).partition(">Staff actions</h2>")[2], log):
        assert not re.search(r" (of|on|from)<", text.partition("</section>")[0])


@pytest.mark.parametrize(
    ("kind", "verbs"),
    [("Comments", ["Commented"]), ("Content", ["Made", "Uploaded"]), ("Staff", []),
     ("Sign-ins", ["Signed"]), ("Plays", ["Played"]), ("Tokens", [])],
)  # fmt: skip
def test_one_kind_alone(support: Client, bob: User, kind: str, verbs: list[str]):
    lived(bob)
    shown = events(page_of(bob, support, f"timeline/?kind={kind}"))
    assert [text.split(" ")[0] for _, text in shown] == verbs


def test_pages_have_no_gap_and_no_duplicate(support: Client, bob: User):
    """Also if very many events of several tables have the same time."""
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    track = baker.make(Track, user=bob, title="first")
    for model, number in ((TrackPlay, 70), (TrackComment, 60), (Playlist, 30)):
        more: dict[str, Any] = {} if model is Playlist else {"track": track}
        baker.make(model, number, user=bob, **more)
        model._base_manager.filter(user=bob).update(created_at=moment)
    address, found = "timeline/", []
    for _ in range(10):
        text = page_of(bob, support, address)
        found += re.findall(r'<span><a href="([^"]+)"', text)
        further = re.search(r'href="[^"]*/(timeline/[^"]+)" rel="next"', text)
        if not further:
            break
        address = further[1].replace("&amp;", "&")
    assert len(found) == len(set(found)) == 161


@pytest.mark.parametrize(
    "query",
    ["kind=Nothing", "before=x", "before=2026-01-01~0~x", "before=2026-01-01T00:00:00~0~1",
     "user=1", "before=2026-01-01T00:00:00%2B00:00~9999999999~1"],
)  # fmt: skip
def test_a_malformed_address_gets_a_page_that_helps(support: Client, bob: User, query: str):
    response = support.get(f"/admin/veza_core/user/{bob.pk}/timeline/?{query}")
    assert response.status_code == 400


def test_it_has_only_what_may_be_read(bob: User):
    lived(bob)
    client = staff_with("users.read", "track_comments.read")
    verbs = {text.split(" ")[0] for _, text in events(page_of(bob, client))}
    assert verbs == {"Commented"}
    assert staff_with("tracks.read").get(
        f"/admin/veza_core/user/{bob.pk}/timeline/"
    ).status_code == 403  # fmt: skip


def test_a_tracks_page_has_jobs_first(support: Client, bob: User):
    track = lived(bob)
    baker.make(HlsTranscodeJob, track=track, status="failed", error_message="codec wmapro",
               completed_at=timezone.now())  # fmt: skip
    text = page_of(track, support)
    assert events(text)[0][1].startswith("Transcode job")
    first, _, rest = text.partition('id="panel-1">')[2].partition("</section>")
    assert "codec wmapro" in first
    assert 'id="panel-' not in text.partition('id="panel-1">')[0]
    assert rest.index('id="timeline"') < rest.index('aria-label="Chart"')
    assert re.findall('<li><a href="#([a-z0-9-]+)">', text)[:2] == ["panel-1", "timeline"]
    head = text.partition('class="glance"')[2].partition("</ul>")[0]
    assert ">Failed<" in head


def test_a_play_by_an_unknown_listener_has_no_user(support: Client, bob: User):
    track = baker.make(Track)
    for user in (bob, None):
        baker.make(TrackPlay, track=track, user=user, duration_ms=87_000)
    told = {text for _, text in events(page_of(track, support))}
    assert told == {"Played by bob · 1:27", "Played 1:27"}


def test_what_failed_comes_first_in_a_panel(support: Client, bob: User):
    """Before the latest rows, even if there are more rows than a panel shows."""
    failed = baker.make(Track, user=bob, title="Broken", status="failed")
    baker.make(Track, 25, user=bob, title="Whole", status="ready")
    Track.objects.filter(pk=failed.pk).update(created_at=timezone.now() - timedelta(days=9))
    panel = page_of(bob, support).partition(">Tracks</h2>")[2].partition("</section>")[0]
    assert re.findall(">(Broken|Whole)</a>", panel) == ["Broken", *["Whole"] * 9]
    assert "10 of them, and all 26" in panel


def test_a_list_of_contents_where_there_is_more_than_one_part(support: Client, bob: User):
    playlist = baker.make(Playlist, user=bob, title="Mine")
    assert 'class="contents"' not in page_of(playlist, support)
    text = page_of(bob, support)
    for anchor in re.findall('<li><a href="#([a-z0-9-]+)">', text):
        assert f'id="{anchor}"' in text
    assert 'href="#panel-1"' in text.partition('class="contents"')[2].partition("</nav>")[0]


def test_the_head_says_who_it_is_and_why_they_are_out(support: Client, bob: User):
    baker.make(UserProfile, user=bob, display_name="Lena Ortiz")
    baker.make(UserSettings, user=bob, language="es", timezone="Europe/Madrid")
    baker.make(FederatedIdentity, user=bob, provider="google")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE users SET password_hash = NULL WHERE id = %s", [bob.pk])
    take(support, bob, "ban", confirm="bob", reason="spam in 40 comments")
    text = page_of(bob, support)
    why = re.sub("<[^>]+>", "", text.partition('class="why"')[2].partition("</p>")[0])
    assert "Banned by alice on " in why
    assert "because “spam in 40 comments”" in why
    assert ">LO<" in text
    assert "Europe/Madrid" in text
    assert "no password, signs in with google" in text
    assert text.index('class="why"') < text.index('class="timeline"')
    FederatedIdentity.objects.all().delete()
    assert "cannot sign in: no password, and no identity" in page_of(bob, support)


def test_the_head_has_the_rights_that_count(support: Client, bob: User):
    """`users.role` gives no permissions, and neither does a role that has ended."""
    User.objects.filter(pk=bob.pk).update(role="admin")
    grant(bob, "admin", expires_at=timezone.now() - timedelta(days=1))
    facts = page_of(bob, support).partition('class="facts"')[2].partition("</dl>")[0]
    assert "<dt>Roles here</dt><dd>none</dd>" in facts
    grant(bob, "support")
    facts = page_of(bob, support).partition('class="facts"')[2].partition("</dl>")[0]
    assert ">Support<" in facts.partition("Roles here")[2]
    assert ">Administrator<" not in facts


def test_a_display_name_does_not_pass_for_another(bob: User):
    baker.make(UserProfile, user=bob, display_name="adm\u200bin")
    assert "<strong><bdi>adm<span" in page_of(bob, signed_in(make_staff("support")))


def test_frequent_actions_are_in_view_and_the_rest_is_folded(bob: User):
    text = page_of(bob, signed_in(make_staff("admin", username="carol")))
    row, _, more = text.partition('<details class="drop')
    assert url(bob, "ban") in row
    assert url(bob, "verify") in more


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ({"locked_until": datetime(9000, 1, 1, tzinfo=UTC), "failed_login_count": 1}, "unlock"),
        ({"locked_until": datetime(9000, 1, 1, tzinfo=UTC)}, "unlock"),
        ({"is_banned": True}, "unban"),
        ({"is_active": False}, "reactivate"),
        ({"deleted_at": datetime(2026, 1, 1, tzinfo=UTC)}, "restore"),
    ],
)
def test_the_action_that_ends_a_state_comes_first(bob: User, state: dict[str, Any], action: str):
    User.objects.filter(pk=bob.pk).update(**state)
    text = page_of(bob, signed_in(make_staff("admin", username="carol")))
    first = re.search(r'<li><a class="button[^>]*href="([^"]+)"', text)
    assert first
    assert first[1] == url(bob, action)
    # The state and its beginning, only once.
    whys = re.findall(r'<p class="why">(.*?)</p>', text, re.DOTALL)
    assert len(whys) == 1
    assert " ." not in re.sub("<[^>]+>", "", whys[0])
    assert text.count("Locked until") <= 1


@pytest.mark.parametrize("role", ["support", "admin"])
def test_a_timeline_page_of_an_old_account_uses_indexes(bob: User, role: str):
    """With twenty thousand plays, each table returns one page of rows."""
    support = signed_in(make_staff(role))
    track = baker.make(Track, user=bob)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO track_plays (track_id, user_id, created_at) SELECT %s, %s, now() - g *"
            " interval '1 minute' FROM generate_series(1, 20000) g",
            [track.pk, bob.pk],
        )
        cursor.execute("ANALYZE track_plays")
    before = f"before={timezone.now() - timedelta(days=3):%Y-%m-%dT%H:%M:%S}%2B00:00~0~{track.pk}"
    for row, more in ((bob, ""), (track, ""), (bob, "timeline/"), (track, f"timeline/?{before}")):
        meta = row._meta
        address = f"/admin/{meta.app_label}/{meta.model_name}/{row.pk}/{more}"
        response, statements = captured(support, address)
        assert response.status_code == 200
        assert len(queries_in(statements)) <= 15, (len(queries_in(statements)), address)
        asked = [one for one in statements if "row_to_json" in one and "track_plays" in one]
        assert asked
        for allowed in (False, True):
            use_sequential_scans(allowed)
            for node in (node for one in asked for node in nodes(plan_of(one))):
                if node.get("Relation Name") == "track_plays":
                    assert rows_read(node) <= 60, node
