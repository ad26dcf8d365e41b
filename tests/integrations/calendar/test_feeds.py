"""Calendar feeds, read as a calendar would read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone
from icalendar import Calendar

from integrations.calendar.feeds import end_feed, feed_of, make_feed
from integrations.models import CalendarFeed, ClientLink, Connection
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret
from tests.factories import make_client, make_membership, make_user

pytestmark = pytest.mark.django_db
VALUE = "canary-" + "7" * 20
ENDS = datetime(2026, 12, 24, 17, 30, tzinfo=UTC)


@pytest.fixture
def ada(db):
    return make_user("Ada", time_zone="Europe/Berlin")


@pytest.fixture
def acme(ada):
    client = make_client("acme", name="Acme")
    make_membership(ada, client)
    fill(client)
    return client


def fill(client):
    """Give a client one date of each kind."""
    place = client.environments.first()
    about = {"actor": SYSTEM, "client": client, "environment": place}
    made_on = timezone.now().date()
    key = vault.store(
        kind="api_key", label="Stripe, live; key", fields={"api_key": Secret(VALUE)}, made_on=made_on, **about
    )
    vault.store(
        kind="api_key",
        label="Dated",
        fields={"api_key": Secret(VALUE + "2")},
        made_on=made_on,
        expires_at=ENDS,
        **about,
    )
    connection = Connection.objects.create(
        slug=f"{client.slug}-hubspot",
        client=client,
        environment=place,
        provider_key="hubspot",
        kind="oauth2",
        refresh_expires_at=ENDS,
        connected_at=timezone.now(),
        is_sandbox=client.is_sandbox,
        is_demo=client.is_demo,
    )
    ClientLink.objects.create(kind="request", token_hash=client.slug.encode(), client=client, expires_at=ENDS)
    return key, connection


def read(url):
    answer = Browser(SERVER_NAME="localhost").get(url.removeprefix("http://localhost:8000"))
    assert answer.status_code == 200
    return answer, Calendar.from_ical(answer.content)


def kinds(calendar):
    return sorted({str(event["uid"]).partition("-")[0] for event in calendar.events})


def test_a_person_reads_every_date_of_the_clients_they_see(ada, acme):
    fill(make_client("beta"))
    answer, calendar = read(make_feed(actor=SYSTEM, user=ada))
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert {"consent", "expiry", "link", "rotation"} <= set(kinds(calendar))
    text = answer.content.decode()
    assert ("Acme" in text, "Beta" in text, "beta" in text) == (True, False, False)


def test_days_are_days_and_moments_are_in_the_readers_zone(ada, acme):
    _, calendar = read(make_feed(actor=SYSTEM, user=ada))
    of = {str(event["uid"]).partition("-")[0]: event for event in calendar.events}
    day = of["rotation"].decoded("dtstart")
    assert (type(day), of["rotation"].decoded("dtend") - day) == (date, timedelta(days=1))
    moment = of["consent"].decoded("dtstart")
    assert (moment, moment.hour, of["consent"]["dtstart"].params["TZID"]) == (ENDS, 18, "Europe/Berlin")
    assert [str(zone["tzid"]) for zone in calendar.timezones] == ["Europe/Berlin"]
    assert str(of["rotation"]["summary"]) == "Rotate Stripe, live; key (Acme)"


def test_a_vendors_change_stands_where_it_hits_until_it_is_settled(ada, acme):
    url = make_feed(actor=SYSTEM, user=ada)

    def changes():
        events = read(url)[1].events
        return [str(event["summary"]) for event in events if str(event["uid"]).startswith("sunset-")]

    pipelines = [text for text in changes() if "Pipelines API v1" in text]
    assert pipelines == ["Acme, acme-hubspot: Pipelines API v1: calls to it fail."]
    assert any("OAuth v1 addresses" in text for text in changes())
    Connection.objects.update(kind="api_key")
    assert not any("OAuth v1 addresses" in text for text in changes())
    Connection.objects.update(sunsets_done=["2026-12-04"])
    assert not any("Pipelines API v1" in text for text in changes())


def test_nothing_secret_and_nothing_of_the_sandbox_or_the_demo_is_in_it(db):
    olive = make_user("Olive", is_owner=True)
    fill(make_client("play", is_sandbox=True))
    fill(make_client("show", is_demo=True))
    fill(make_client("real"))
    gone = make_client("gone", archived_at=timezone.now())
    fill(gone)
    answer, calendar = read(make_feed(actor=SYSTEM, user=olive))
    text = answer.content.decode()
    assert "real" in text.lower()
    assert [word for word in ("play", "show", "gone", VALUE, VALUE[-4:] * 2) if word in text.lower()] == []
    assert calendar.events


def test_the_names_of_events_and_the_bytes_stay_the_same_while_nothing_changes(ada, acme):
    url = make_feed(actor=SYSTEM, user=ada)
    first, calendar = read(url)
    second, again = read(url)
    assert first.content == second.content
    assert first["ETag"] == second["ETag"]
    assert [str(event["uid"]) for event in calendar.events] == [str(event["uid"]) for event in again.events]
    assert len({str(event["uid"]) for event in calendar.events}) == len(calendar.events)
    path = url.removeprefix("http://localhost:8000")
    same = Browser(SERVER_NAME="localhost").get(path, headers={"if-none-match": first["ETag"]})
    assert (same.status_code, same.content, same["Cache-Control"]) == (304, b"", "private, max-age=900")


def test_what_changes_changes_the_answer(ada, acme):
    url = make_feed(actor=SYSTEM, user=ada)
    before, _ = read(url)
    ClientLink.objects.update(revoked_at=timezone.now())
    after, calendar = read(url)
    assert before["ETag"] != after["ETag"]
    assert "link" not in kinds(calendar)


def test_a_clients_feed_holds_its_own_dates_in_its_language(ada, acme):
    fill(make_client("beta"))
    type(acme).objects.filter(pk=acme.pk).update(language="de")
    answer, calendar = read(make_feed(actor=SYSTEM, client=acme))
    assert str(calendar["x-wr-calname"]) == "Keylodge: Acme"
    assert "erneuern" in answer.content.decode()
    assert "beta" not in answer.content.decode().lower()


def test_who_loses_the_right_loses_the_dates(ada, acme):
    url = make_feed(actor=SYSTEM, user=ada)
    ada.memberships.update(state="suspended")
    assert read(url)[1].events == []


@pytest.mark.parametrize("why", ["unknown", "renewed", "ended", "left", "short"])
def test_an_address_that_is_over_is_one_and_the_same_404(ada, acme, why):
    path = make_feed(actor=SYSTEM, user=ada).removeprefix("http://localhost:8000")
    if why == "renewed":
        make_feed(actor=SYSTEM, user=ada)
    elif why == "ended":
        end_feed(feed_of(user=ada), actor=SYSTEM)
    elif why == "left":
        type(ada).objects.update(is_active=False)
    asked = {"unknown": f"/calendar/{'A' * 43}.ics", "short": "/calendar/x.ics"}.get(why, path)
    assert Browser(SERVER_NAME="localhost").get(asked).status_code == 404


def test_the_token_is_nowhere_in_the_database_and_reading_changes_nothing(ada, acme):
    url = make_feed(actor=SYSTEM, user=ada)
    before = list(CalendarFeed.objects.values())
    answer, _ = read(url)
    assert not answer.cookies
    assert list(CalendarFeed.objects.values()) == before
    assert url.rpartition("/")[2][:-4] not in repr(before)


def test_a_feed_costs_as_many_queries_for_many_dates_as_for_few(ada, acme, django_assert_max_num_queries):
    path = make_feed(actor=SYSTEM, user=ada).removeprefix("http://localhost:8000")
    rows = [ClientLink(kind="request", token_hash=f"l{n}".encode(), client=acme, expires_at=ENDS) for n in range(300)]
    ClientLink.objects.bulk_create(rows)
    with django_assert_max_num_queries(14):
        answer = Browser(SERVER_NAME="localhost").get(path)
    assert len(Calendar.from_ical(answer.content).events) > 300


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_name_of_several_lines_stays_a_name(ada, acme, end):
    name = f"Acme, Ltd; {end}BEGIN:VALARM{end}ATTACH:https://evil.example/"
    type(acme).objects.update(name=name)
    acme.refresh_from_db()
    answer, calendar = read(make_feed(actor=SYSTEM, client=acme))
    lines = answer.content.replace(b"\r", b"\n").split(b"\n")
    assert not any(line.startswith((b"ATTACH", b"BEGIN:VALARM")) for line in lines)
    assert str(calendar["x-wr-calname"]).splitlines()[0].startswith("Keylodge: Acme")
