"""Values in the form for people, in lists, on pages and in panels."""

from decimal import Decimal

import pytest
from django.db.models import Model, TextField
from django.test import Client
from django.utils.html import strip_tags
from model_bakery import baker

from tests.admin.addresses import list_of, page_of
from tests.admin.searching import MODELS
from veza_core.screens.display import cell, declared
from veza_core.screens.units import playing_time
from veza_media.models import BitrateAdaptationLog
from veza_streaming.models import PlaybackAnalytics, Track, TrackHistory

pytestmark = pytest.mark.django_db

NUMBERS = {"IntegerField", "SmallIntegerField", "BigIntegerField", "FloatField", "DecimalField"}

SHOWN = {"ms": "1:23", "bytes": "83.0 kB", "kbit/s": "83,000 kbit/s", "Hz": "83 kHz",
         "%": "83000 %", "year": "83000"}  # fmt: skip


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [(0, "0 s"), (40, "under 0.1 s"), (899, "0.8 s"), (999, "0.9 s"), (1_999, "0:01")],
)
def test_a_duration_below_a_second(milliseconds: int, shown: str) -> None:
    assert playing_time(milliseconds) == shown


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_number_with_a_unit(model: type[Model]) -> None:
    for field in model._meta.concrete_fields:
        if field.get_internal_type() not in NUMBERS:
            continue
        unit = next((u for end, u in declared("units").items() if field.name.endswith(end)), None)
        row = model(**{field.name: field.to_python(83_000)})
        for whole in (False, True):
            shown = strip_tags(cell(field, row, whole=whole))
            assert SHOWN[unit] in shown if unit else shown == "83,000", field


@pytest.mark.parametrize(
    ("model", "values", "shown"),
    [
        (PlaybackAnalytics, {"completion_rate": Decimal("15.90")}, "15.9 %"),
        (PlaybackAnalytics, {"completion_rate": Decimal(100)}, "100 %"),
        (BitrateAdaptationLog, {"network_bandwidth": 1660}, "1,660 kbit/s"),
        (TrackHistory, {"new_value": {"is_public": True}}, "Public: yes"),
        (
            TrackHistory,
            {"old_value": {"is_public": False}, "new_value": {"is_public": True}},
            "Public: no → yes",
        ),
    ],
)
def test_in_lists_on_pages_and_in_panels(
    model: type[Model], values: dict[str, object], shown: str, browser: Client
) -> None:
    row = baker.make(model, track=baker.make(Track), **values)
    for address in (list_of(model), page_of(model, row.pk), page_of(Track, row.track_id)):
        assert shown in strip_tags(browser.get(address).content.decode()), address


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_name_that_is_cut_says_so(model: type[Model]) -> None:
    """On confirmations and in the staff log, also names that are the beginning of a text."""
    texts = [field.attname for field in model._meta.fields if isinstance(field, TextField)]
    name = str(model(**dict.fromkeys(texts, "x" * 300)))
    assert "x" * 300 in name or "…" in name or "x" * 9 not in name
