"""Tags, paging, CSV: what every page is made of."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.template import engines
from django.test import RequestFactory
from django.utils import timezone

from dashboard.csv import csv_response
from dashboard.paging import page_of
from dashboard.templatetags import charts, parts
from dashboard.words import ago_words
from secrets_vault.models import Client
from tests.factories import make_client

NOW = datetime(2026, 11, 22, 9, 14, tzinfo=UTC)


def test_a_download_quotes_separators_and_defuses_formulas():
    answer = csv_response("keys", ["a", "b"], [["x,y", 'say "hi"\nthere'], ["=1+1", -3]])
    assert answer.getvalue().decode() == 'a,b\r\n"x,y","say ""hi""\nthere"\r\n\'=1+1,-3\r\n'
    assert answer.headers["Content-Disposition"] == 'attachment; filename="keys.csv"'
    assert answer.headers["Cache-Control"] == "no-store, private"


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(minutes=4), "4 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=12), "12 days ago"),
        (timedelta(hours=-3), "in 3 h"),
        (timedelta(seconds=-50), "in 1 min"),
    ],
)
def test_a_distance_in_time_is_said_in_words(distance, words):
    assert ago_words(NOW - distance, now=NOW) == words


def test_a_time_is_shown_in_the_viewers_zone_with_utc_as_its_title():
    with timezone.override("Europe/Berlin"):
        assert parts.local_time(NOW) == (
            '<time datetime="2026-11-22T09:14:00Z" title="2026-11-22T09:14:00Z">22 Nov 2026, 10:14</time>'
        )


@pytest.mark.parametrize(
    ("name", "letters"), [("OpenAI", "OA"), ("Xero", "Xe"), ("Google Sheets", "GS"), ("n8n", "N8"), ("", "?")]
)
def test_a_monogram_has_two_letters(name, letters):
    assert parts.monogram(name).upper() == letters.upper()


@pytest.mark.parametrize(("days", "tone"), [(10, "ok"), (80, "warn"), (90, "bad"), (97, "bad")])
def test_the_age_ring_says_the_age_and_turns_red_at_the_limit(days, tone):
    drawn = parts.age_ring(date(2026, 11, 22) - timedelta(days=days), 90, date(2026, 11, 22))
    assert f'class="ring {tone}"' in drawn
    assert f"{days} days old" in drawn


def test_an_unknown_age_is_said_in_words():
    assert "age not known" in parts.age_ring(None)


def test_hour_bars_say_in_words_what_they_show():
    drawn = charts.hour_bars([(10, 0), (10, 5), (0, 0), (10, 1)], "Acme")
    assert 'aria-label="Acme: 4 hours, 30 calls, failures in 2 hours"' in drawn
    assert [drawn.count(f'class="{kind}"') for kind in "oewz"] == [1, 1, 1, 1]


def test_a_gauge_never_leaves_its_track():
    assert 'width="100.0"' in charts.gauge(250, "daily", 80)
    assert 'width="0.0"' in charts.gauge(None, "daily", 80)


def test_the_rotation_strip_counts_overdue_soon_and_later():
    today = date(2026, 11, 22)
    due = [
        (today - timedelta(days=3), "Stripe"),
        (today + timedelta(days=5), "Xero"),
        (today + timedelta(days=20), "n8n"),
    ]
    assert "1 overdue · 1 due in 8 days · 1 later" in charts.rotation_strip(due, today)


def test_names_are_escaped_in_charts_and_parts():
    evil = '"><script>alert(1)</script>'
    drawn = [
        charts.gauge(5, evil),
        charts.hour_bars([(1, 0)], evil),
        charts.rotation_strip([(date(2026, 11, 22), evil)], date(2026, 11, 22)),
        charts.histogram([{"bad": 1}], evil),
        parts.badge("ok", evil),
        parts.env_badge(evil),
        parts.provider_logo("x", evil),
    ]
    assert not [html for html in drawn if "<script" in html]


def test_tags_are_built_in():
    assert "icons.svg#plus" in engines["django"].from_string('{% icon "plus" %}').render()


@pytest.mark.django_db
def test_pages_of_a_list_hold_every_row_once():
    made = {make_client(f"c{i}", environments=()).pk for i in range(7)}
    seen, after = [], ""
    while True:
        page = page_of(Client.objects.all(), RequestFactory().get("/", {"after": after}), size=3)
        seen += [row.pk for row in page]
        after = page.after
        if not page.has_more:
            break
    assert len(seen) == 7
    assert set(seen) == made


@pytest.mark.django_db
def test_a_wrong_page_key_gives_the_first_page():
    make_client("acme")
    page = page_of(Client.objects.all(), RequestFactory().get("/", {"after": "nonsense"}))
    assert len(page) == 1
    assert page.is_first


@pytest.mark.parametrize(("many", "said"), [(0, "none yet"), (1, ""), (8, ""), (11, "and 3 more")])
def test_a_clients_connections_are_drawn_up_to_eight(many, said):
    tile = SimpleNamespace(
        slug="acme-stripe", provider_key="stripe", provider_name="<Stripe>", status="failing",
        environment=SimpleNamespace(slug="production"), get_status_display=lambda: "failing",
    )  # fmt: skip
    drawn = parts.connection_tiles([tile] * many)
    assert drawn.count('<a href="/connections/acme-stripe/">') == min(many, 8)
    assert drawn.count("&lt;Stripe&gt;, production: failing") == min(many, 8)
    assert ("muted" in drawn) == bool(said)
    assert said in drawn
