"""Today: the queue, the numbers, the clients by trouble, and the first run."""

import re
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.due import light_board
from dashboard.light import seen_clients
from dashboard.needs import needs_of
from dashboard.pages.today import greeting
from dashboard.tightest import tightest
from integrations import rotation_days
from integrations.models import ClientHour, ClientLink, Connection, ErrorGroup, LimitReading, Sweep
from secrets_vault import rotation
from secrets_vault.models import SecretVersion, StoredSecret
from tests.factories import make_client, make_membership

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def connect(client, slug="acme-hubspot", status="connected", **fields):
    environment = client.environments.first()
    return Connection.objects.create(
        slug=slug,
        client=client,
        environment=environment,
        provider_key="hubspot",
        kind="oauth2",
        status=status,
        **fields,
    )


def store(client, label="Live key", age_days=97):
    stored = StoredSecret.objects.create(
        client=client, environment=client.environments.first(), kind="api_key", label=label, provider_key="stripe"
    )
    made_on = None if age_days is None else (NOW - timedelta(days=age_days)).date()
    stored.current = SecretVersion.objects.create(secret=stored, number=1, state="current", made_on=made_on)
    stored.save()
    return stored


def read_limit(connection, remaining, *, resets_in=timedelta(hours=1)):
    return LimitReading.objects.create(
        connection_id=connection.pk, client_id=connection.client_id, bucket="daily", limit=1000, remaining=remaining,
        read_at=NOW, resets_at=NOW + resets_in, source="headers",
    )  # fmt: skip


def fail(connection, **fields):
    fields = {"state": "open", "last_seen_at": NOW} | fields
    return ErrorGroup.objects.create(
        key_hash=connection.pk.bytes * 2, client_id=connection.client_id, connection_id=connection.pk,
        provider_key="hubspot", status=500, code="upstream_error", title="HubSpot answered 500", method="GET",
        path_template="/x", cause="", remedy="", who="provider", count=14, first_seen_at=NOW,
        last_call_id=connection.pk, **fields,
    )  # fmt: skip


def link(connection, **fields):
    return ClientLink.objects.create(
        kind="connect", token_hash=connection.pk.bytes * 2, client=connection.client, connection=connection,
        expires_at=NOW + timedelta(days=1), **fields,
    )  # fmt: skip


def titles(user):
    clients = seen_clients(user)
    ids = [client.pk for client in clients]
    board = light_board(user, clients, timezone.localdate())
    return [one.words().title for one in needs_of(user, ids, now=NOW, board=board, tight=tightest(ids, now=NOW))]


def test_the_queue_is_ordered_by_harm(ada, acme):
    store(acme, "Old key")
    store(acme, "Dateless key", age_days=None)
    connect(acme, "a", "needs_reconnecting")
    connect(acme, "b", "untested")
    works = connect(acme, "c")
    read_limit(works, 50)
    fail(works)
    assert titles(ada) == [
        "HubSpot needs reconnecting",
        "Old key is 97 days old",
        "Daily limit at 95 %",
        "HubSpot answered 500",
        "Nobody knows how old Dateless key is",
        "HubSpot is not tested yet",
    ]


def test_a_dead_connection_swallows_its_errors(ada, acme):
    fail(connect(acme, status="needs_reconnecting"))
    assert titles(ada) == ["HubSpot needs reconnecting"]


@pytest.mark.parametrize("state", ["resolved", "snoozed"])
def test_an_error_that_somebody_settled_rests(ada, acme, state):
    fail(connect(acme), state=state)
    assert titles(ada) == []


def test_a_limit_whose_window_has_ended_is_empty_again(ada, acme):
    read_limit(connect(acme), 0, resets_in=timedelta(seconds=-1))
    assert titles(ada) == []


def test_a_snoozed_secret_rests(ada, acme):
    stored = store(acme)
    stored.snoozed_until = (NOW + timedelta(days=5)).date()
    stored.save()
    assert titles(ada) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"opened_at": NOW}, ["A client opened a link"]),
        ({"failed_at": NOW}, ["A client’s link failed"]),
        ({"opened_at": NOW, "used_at": NOW}, []),
        ({"opened_at": NOW, "revoked_at": NOW}, []),
        ({}, []),
    ],
)
def test_a_link_that_waits_for_the_client_is_named(ada, acme, fields, said):
    link(connect(acme), **fields)
    assert titles(ada) == said


def test_consent_that_ends_soon_is_named_before_it_ends(ada, acme):
    connect(acme, refresh_expires_at=NOW + timedelta(days=3))
    connect(acme, "later", refresh_expires_at=NOW + timedelta(days=30))
    assert titles(ada) == ["Consent for HubSpot ends soon"]


def test_a_strangers_trouble_is_not_shown(cora, acme):
    connect(acme, status="failing")
    store(acme)
    assert titles(cora) == []


def test_an_archived_client_asks_for_nothing(ada, acme):
    connect(acme, status="failing")
    store(acme)
    acme.archived_at = NOW
    acme.save()
    assert titles(ada) == []


@pytest.mark.parametrize(("age", "warns"), [(None, True), (timedelta(minutes=6), True), (timedelta(minutes=1), False)])
def test_the_owner_is_told_when_background_work_stopped(olive, age, warns):
    olive.joined_at = NOW - timedelta(hours=1)
    if age is not None:
        Sweep.objects.create(name="x", every_s=60, due_at=NOW, finished_at=NOW - age)
    assert ("Background work is not running" in titles(olive)) is warns


def test_the_owner_is_told_that_mail_cannot_be_sent(olive, settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.dummy.EmailBackend"}}
    assert "Reminders cannot reach you yet" in titles(olive)


def test_a_new_installation_shows_the_first_steps(browser_of, olive):
    content = browser_of(olive).get("/").content.decode()
    assert "First steps" in content
    assert content.count("To do") == 5
    assert "/clients/new/" in content


def test_the_first_steps_are_gone_after_the_first_call(browser_of, olive, acme):
    ClientHour.objects.create(client_id=acme.pk, hour=NOW.replace(minute=0), calls=1)
    assert "First steps" not in browser_of(olive).get("/").content.decode()


def test_the_numbers_count_what_this_person_may_see(browser_of, ada, acme):
    hour = NOW.replace(minute=0, second=0, microsecond=0)
    other = make_client("zed")
    for client, calls in ((acme, 1234), (other, 99_000)):
        ClientHour.objects.create(client_id=client.pk, hour=hour, calls=calls, failed=5)
    ClientHour.objects.create(client_id=acme.pk, hour=hour - timedelta(hours=30), calls=7)
    content = browser_of(ada).get("/").content.decode()
    assert "<dd>1,234</dd>" in content
    assert "zed" not in content.lower()


def test_clients_stand_in_the_order_of_their_trouble(browser_of, olive):
    for slug, status in (("calm", "connected"), ("broken", "failing"), ("paused", "paused")):
        connect(make_client(slug), slug, status)
    content = browser_of(olive).get("/").content.decode()
    table = content[content.index("ordered by trouble") :]
    assert table.index("/clients/broken/") < table.index("/clients/paused/") < table.index("/clients/calm/")


def test_a_long_queue_is_cut_and_can_be_shown_whole(browser_of, ada, acme):
    for i in range(15):
        connect(acme, f"c{i}", "failing")
    browser = browser_of(ada)
    assert browser.get("/").content.decode().count('class="sev') == 10
    assert browser.get("/", {"all": 1}).content.decode().count('class="sev') == 15


@pytest.mark.parametrize("many", [1, 25])
@pytest.mark.parametrize("is_owner", [False, True], ids=["manager", "owner"])
def test_today_takes_at_most_22_queries_however_much_there_is(browser_of, ada, acme, olive, is_owner, many):
    for i in range(many):
        client = make_client(f"c{i}")
        make_membership(ada, client)
        connection = connect(client, f"c{i}-a")
        connect(client, f"c{i}-b", "failing")
        store(client)
        read_limit(connection, 10)
        fail(connection)
        link(connection, opened_at=NOW)
        ClientHour.objects.create(client_id=client.pk, hour=NOW.replace(minute=0), calls=9)
    browser = browser_of(olive if is_owner else ada)
    browser.get("/messages/")  # a process reads the key of the sessions once
    with ExitStack() as stack:
        seen = [stack.enter_context(CaptureQueriesContext(connection)) for connection in connections.all()]
        assert browser.get("/").status_code == 200
    assert sum(len(of_one) for of_one in seen) <= 22, [q["sql"] for of_one in seen for q in of_one.captured_queries]


@pytest.mark.parametrize(
    ("hour", "words"), [(3, "Good night"), (9, "Good morning"), (14, "Good afternoon"), (19, "Good evening")]
)
def test_the_greeting_fits_the_hour(hour, words):
    assert greeting(NOW.replace(hour=hour)) == words


def test_the_light_board_says_what_the_board_says(olive, acme):
    store(acme, "Old")
    store(acme, "Young", age_days=3)
    store(acme, "Dateless", age_days=None)
    store(make_client("gone", archived_at=NOW), "Archived")
    for snoozed in (store(acme, "Snoozed"), store(acme, "Snoozed though young", age_days=2)):
        snoozed.snoozed_until = (NOW + timedelta(days=5)).date()
        snoozed.save()
    today = timezone.localdate()
    heavy = rotation.board(olive, today, provider_days=rotation_days.by_provider())
    light = light_board(olive, seen_clients(olive), today)
    assert [(row.stored.label, row.due) for row in light] == [(row.stored.label, row.due) for row in heavy]


def test_a_queue_of_thousands_is_cut(monkeypatch, browser_of, ada, acme):
    store(acme, "Old")
    monkeypatch.setattr("dashboard.pages.today.light_board", lambda *of: light_board(*of) * 5000)
    content = browser_of(ada).get("/", {"all": "1"}).content.decode()
    assert "200 things need you" in content
    assert content.count("It was due on ") == 200


def test_each_button_leads_to_a_page_that_exists(browser_of, ada, acme):
    connect(acme, "a", "needs_reconnecting")
    store(acme)
    browser = browser_of(ada)
    content = browser.get("/").content.decode()
    queue = content[content.index('class="queue"') : content.index("Numbers")]
    links = re.findall(r'<a [^>]*href="(/[^"]*)"', queue)
    assert len(links) == 2
    assert [browser.get(link).status_code for link in links] == [200, 200]
