"""How an alert gets to where an agency reads: once, later if it must be, and never silently not at all."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import time, timedelta

import pytest

from integrations import alerts
from integrations.alerts import daily, errors, summing
from integrations.alerts.routes import making, posting, sealing, sending
from integrations.models import AlertDelivery, AlertRoute, Connection, ErrorGroup, Message
from integrations.offboarding import removing
from integrations.outbound import Answer, UpstreamTimeout
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.canaries import Net
from tests.factories import make_client, make_membership, make_user
from tests.fake_upstream import FakeUpstream
from tests.integrations.alerts.routes.places import NOW, URLS, Place, make_group, make_route

pytestmark = pytest.mark.django_db
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
State = AlertDelivery.State


@pytest.fixture
def connection():
    acme = make_client("acme")
    about = {"client": acme, "environment": acme.environments.first(), "provider_key": "hubspot", "kind": "oauth2"}
    return Connection.objects.create(slug="acme-hubspot", label="HubSpot", **about)


def fail(connection, now=NOW):
    return alerts.failing(connection, code="upstream_unreachable", now=now, failed=5)


def sent_kinds() -> list[str]:
    return list(AlertDelivery.objects.filter(state=State.SENT).order_by("pk").values_list("kind", flat=True))


def test_a_trouble_goes_by_a_route_first_and_when_it_is_over(connection):
    make_route()
    place = Place()
    fail(connection)
    assert sending.send_due(now=NOW, send=place) == 1
    alerts.recovered(connection, now=NOW + HOUR)
    assert sending.send_due(now=NOW + HOUR, send=place) == 1
    assert sending.send_due(now=NOW + HOUR, send=place) == 0
    assert [each["text"] for each in place.payloads] == [
        "Acme: calls through HubSpot fail",
        "Acme: HubSpot works again",
    ]


@pytest.mark.parametrize("channel", ["slack", "teams", "discord", "signed"])
def test_each_channel_gets_the_form_it_reads(connection, channel):
    make_route(channel)
    connection.label = "Hub <!channel> [a](http://evil.example) @everyone"
    connection.save()
    place = Place()
    fail(Connection.objects.select_related("client", "environment").get())
    sending.send_due(now=NOW, send=place)
    [(method, url, headers, body)] = place.sent
    assert (method, url, headers["content-type"]) == ("POST", URLS[channel], "application/json")
    [payload] = place.payloads
    written = body.decode()
    link = "/connections/acme-hubspot/"
    if channel == "slack":
        assert payload["blocks"][0]["text"]["type"] == payload["blocks"][1]["text"]["type"] == "plain_text"
        assert "<!channel>" not in payload["text"]
        assert link in payload["blocks"][2]["elements"][0]["text"]
    if channel == "teams":
        card = payload["attachments"][0]["content"]
        assert (payload["type"], card["type"], card["version"]) == ("message", "AdaptiveCard", "1.4")
        assert card["actions"][0]["url"].endswith(link)
        assert "[a](http" not in written.replace("\\\\", "\\")
    if channel == "discord":
        assert payload["allowed_mentions"] == {"parse": []}
        assert payload["embeds"][0]["url"].endswith(link)
        assert len(payload["embeds"][0]["title"]) <= 256
    if channel == "signed":
        assert (payload["type"], payload["data"]["client"]) == ("alert.failing", "acme")
        assert payload["data"]["url"].endswith(link)


def test_a_signed_webhook_is_signed_as_our_forwards_are(connection):
    route = make_route("signed")
    place = Place()
    fail(connection)
    sending.send_due(now=NOW, send=place)
    [(_method, _url, headers, body)] = place.sent
    key = base64.b64decode(sealing.open_signing(route).expose().removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == expected
    assert headers["webhook-id"] == str(AlertDelivery.objects.get().pk)


def test_a_mail_route_mails_an_address(connection, settings, mailoutbox):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    make_route("mail")
    fail(connection)
    assert sending.send_due(now=NOW) == 1
    assert (mailoutbox[0].to, mailoutbox[0].subject) == (["ops@example.com"], "Acme: calls through HubSpot fail")


@pytest.mark.parametrize(
    ("about", "hears"),
    [
        ({}, True),
        ({"kinds": ["failing"]}, True),
        ({"kinds": ["webhook_stuck"]}, False),
        ({"least": "urgent"}, True),
        ({"is_paused": True}, False),
    ],
)
def test_a_route_hears_what_it_asks_for(connection, about, hears):
    make_route(**about)
    fail(connection)
    assert AlertDelivery.objects.exists() is hears


def test_a_route_of_another_client_hears_nothing(connection):
    make_route(client=make_client("beta"))
    make_route(client=connection.client, name="own")
    fail(connection)
    assert AlertDelivery.objects.get().route.name == "own"


def test_who_heard_that_it_began_hears_that_it_is_over(connection):
    make_route(kinds=["failing"], least="urgent")
    fail(connection)
    alerts.recovered(connection, now=NOW + HOUR)
    assert set(AlertDelivery.objects.values_list("kind", flat=True)) == {"failing", "recovered"}


@pytest.mark.parametrize("flag", ["is_sandbox", "is_demo"])
def test_nothing_of_the_sandbox_or_the_demo_leaves(connection, flag):
    make_route()
    setattr(connection, flag, True)
    fail(connection)
    assert not AlertDelivery.objects.exists()


def test_a_failure_waits_longer_each_time_and_is_given_up(connection):
    make_route()
    place, now = Place(503), NOW
    fail(connection)
    for wait in sending.WAITS:
        sending.send_due(now=now, send=place)
        delivery = AlertDelivery.objects.get(kind="failing")
        assert (delivery.state, delivery.due_at) == (State.WAITING, now + wait)
        now += wait
    sending.send_due(now=now, send=place)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.status, len(place.sent)) == (State.FAILED, 503, len(sending.WAITS) + 1)


def test_a_place_that_fails_rests_as_a_whole(connection):
    make_route()
    place = Place(503)
    for number in range(5):
        subject = alerts.Subject(connection.client, f"test:{number}", "/", connection=connection)
        alerts.begin(subject, "failing", now=NOW)
    for second in range(0, 60, 15):
        sending.send_due(now=NOW + timedelta(seconds=second), send=place)
    assert len(place.sent) == 1


def test_a_message_that_is_refused_as_it_is_written_holds_up_no_other(connection):
    make_route()
    place = Place(400, 200)
    for number in range(2):
        subject = alerts.Subject(connection.client, f"test:{number}", "/", connection=connection)
        alerts.begin(subject, "failing", now=NOW)
    sending.send_due(now=NOW, send=place)
    sending.send_due(now=NOW + MINUTE, send=place)
    assert set(AlertDelivery.objects.values_list("state", flat=True)) == {State.FAILED, State.SENT}


def test_the_wait_that_a_place_asks_for_is_kept(connection):
    make_route("discord")
    place = Place(Answer(429, ((b"Retry-After", b"600"),), b""))
    fail(connection)
    sending.send_due(now=NOW, send=place)
    assert AlertDelivery.objects.get().due_at == NOW + 10 * MINUTE


def test_a_route_that_takes_nothing_is_told_by_another_way_once_and_when_it_works_again(connection):
    make_user("Olga", is_owner=True)
    route = make_route()
    fail(connection)
    gone = Place(Answer(404, (), b"no_service"))
    for each in range(4):
        sending.send_due(now=NOW + each * HOUR, send=gone)
    told = Message.objects.get(kind="route_failing")
    assert "removed or switched off" in told.body
    assert f"/settings/alerts/{route.pk}/" in told.body
    sending.send_due(now=NOW + 9 * HOUR, send=Place())
    assert Message.objects.filter(kind="route_works").count() == 1
    assert not AlertDelivery.objects.exclude(kind="failing").exists()  # it told no route: that way lies a loop


def test_of_a_clients_route_its_managers_hear(connection):
    make_membership(make_user("Ada"), connection.client)
    make_membership(make_user("Cora"), make_client("beta"))
    make_route(client=connection.client)
    fail(connection)
    sending.send_due(now=NOW, send=Place(410))
    assert Message.objects.get(kind="route_failing").to == "ada@example.com"


def test_another_address_gets_what_waited(connection):
    route = make_route()
    fail(connection)
    sending.send_due(now=NOW, send=Place(404))
    making.change(route, actor=SYSTEM, now=NOW, name="renamed")
    assert sending.send_due(now=NOW, send=Place()) == 0
    moved = Secret("https://hooks.slack.com/services/T1/B1/new")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "check_address", lambda *_: None)  # it looks the host up
        making.change(route, actor=SYSTEM, now=NOW, address=moved)
    place = Place()
    assert sending.send_due(now=NOW, send=place) == 1
    assert place.sent[0][1] == moved.expose()


def test_two_workers_send_once(connection):
    make_route()
    fail(connection)
    due = sending._due(set(), now=NOW)
    again = sending._due(set(), now=NOW)
    assert [sending._claim(each, now=NOW) for each in (*due, *again)] == [True, False]


def test_what_was_killed_between_sending_and_writing_it_down_goes_again_with_the_same_id(connection):
    make_route("signed")
    fail(connection)

    class Killed(BaseException):
        pass

    def die(*_args: object, **_about: object) -> None:
        raise Killed

    place = Place()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sending, "settle", die)
        with pytest.raises(Killed):
            sending.send_due(now=NOW, send=place)
    assert sending.send_due(now=NOW + MINUTE, send=place) == 0  # the lease holds yet
    assert sending.send_due(now=NOW + 3 * MINUTE, send=place) == 1
    ids = [headers["webhook-id"] for _method, _url, headers, _body in place.sent]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_quiet_hours_of_a_route_end_in_one_summary(connection):
    make_route(quiet_from=time(22), quiet_to=time(7), time_zone="Europe/Berlin", lets_urgent_pass=False)
    night = NOW.replace(hour=23)  # midnight in Berlin
    for number in range(3):
        subject = alerts.Subject(connection.client, f"test:{number}", "/", connection=connection)
        alerts.begin(subject, "failing", now=night)
    place = Place()
    assert sending.send_due(now=night, send=place) == 0
    morning = night + 7 * HOUR  # 7:00 in Berlin
    summing.sum_up(morning - MINUTE)
    assert sending.send_due(now=morning - MINUTE, send=place) == 0
    summing.sum_up(morning)
    assert sending.send_due(now=morning, send=place) == 1
    assert place.payloads[0]["text"] == "3 alerts that were kept back for you"


def test_a_route_gets_one_reminder_a_day_of_what_is_open(connection):
    make_route()
    fail(connection)
    for hours in range(48):
        daily.tell_still(NOW + hours * HOUR)
    assert AlertDelivery.objects.filter(kind="still").count() == 2


def test_a_route_is_written_to_in_its_language(connection):
    make_route(language="de")
    place = Place()
    fail(connection)
    sending.send_due(now=NOW, send=place)
    assert "schlagen fehl" in json.dumps(place.payloads[0], ensure_ascii=False)


def test_a_place_that_leads_on_is_not_followed(connection, settings):
    with FakeUpstream(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as other:
        redirect = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {other.url}/\r\nContent-Length: 0\r\n\r\n".encode()
        with FakeUpstream(redirect) as place:
            settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [place.host, other.host]
            make_route("signed", url=f"{place.url}/in")
            fail(connection)
            assert sending.send_due(now=NOW) == 0
            assert (len(place.requests), len(other.requests)) == (1, 0)
    assert AlertDelivery.objects.get().status == 307


def test_a_private_address_is_never_called(connection):
    with FakeUpstream() as place:
        make_route("signed", url=f"{place.url}/in")
        fail(connection)
        sending.send_due(now=NOW)
        assert place.requests == []
    assert AlertDelivery.objects.get().error == "host_refused"


def test_a_place_that_hangs_costs_its_deadline_and_no_more(connection, settings, monkeypatch):
    monkeypatch.setattr(posting, "DEADLINE_S", 0.3)
    with FakeUpstream(lambda _sock, _request: None) as place, FakeUpstream() as other:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [place.host, other.host]
        make_route("signed", url=f"{place.url}/in", name="hangs")
        make_route("signed", url=f"{other.url}/in", name="answers")
        fail(connection)
        assert sending.send_due(now=NOW) == 1
    assert AlertDelivery.objects.get(route__name="hangs").error == "upstream_timeout"


def test_a_timeout_is_tried_again(connection):
    make_route()
    place = Place(UpstreamTimeout("late", was_sent=True), 200)
    fail(connection)
    assert [sending.send_due(now=NOW + each * MINUTE, send=place) for each in range(2)] == [0, 1]


def test_no_address_and_no_signing_secret_is_found_anywhere_outside_the_vault(connection, log):
    olga = make_user("Olga", is_owner=True)
    routes = [make_route(channel) for channel in ("slack", "teams", "discord", "signed")]
    net = Net({f"canary {n}": f"xyzzy-canary-{n}" for n in range(1, 5)})
    signing = sealing.open_signing(routes[-1]).expose()
    fail(connection)
    echo = Place(Answer(403, (), f"you sent {' '.join(URLS.values())} {signing}".encode()))
    sending.send_due(now=NOW, send=echo)
    for route in routes:
        making.try_out(route, actor=SYSTEM, now=NOW, send=echo)
        making.change(route, actor=SYSTEM, now=NOW, name="changed", address=Secret(URLS[route.channel]))
    rows = [*AlertDelivery.objects.values(), *Message.objects.filter(user=olga).values()]
    shown = AlertRoute.objects.values()
    rows += [{name: value for name, value in each.items() if not name.endswith("_sealed")} for each in shown]
    rows += list(AuditEvent.objects.values())
    written = json.dumps(rows, default=str) + log.getvalue() + repr(routes)
    assert net.found_in("rows and logs", written) == []
    assert signing not in written


def test_an_error_of_a_new_kind_goes_once_by_the_routes_that_ask_for_it(connection):
    make_route(kinds=["error_new"])
    make_route(kinds=["failing"], name="other")
    errors.look(NOW)
    make_group(connection, at=NOW + MINUTE)
    assert [errors.look(NOW + each * MINUTE) for each in (2, 3, 20)] == [1, 0, 0]
    delivery = AlertDelivery.objects.get()
    assert delivery.subject == "Acme: The token lacks a scope"
    assert "It lacks crm.objects.deals.read." in delivery.body


def test_an_error_that_came_back_goes_again(connection):
    make_route(kinds=["error_new", "error_back"])
    errors.look(NOW)
    group = make_group(connection, at=NOW + MINUTE)
    errors.look(NOW + 2 * MINUTE)
    for day in (1, 2):
        back_at = NOW + day * 24 * HOUR
        errors.look(back_at - MINUTE)
        ErrorGroup.objects.filter(pk=group.pk).update(state="came_back", state_changed_at=back_at, last_seen_at=back_at)
        errors.look(back_at + MINUTE)
    assert list(AlertDelivery.objects.order_by("pk").values_list("kind", flat=True)) == [
        "error_new",
        "error_back",
        "error_back",
    ]


def test_errors_from_before_the_first_look_are_no_news(connection):
    make_route(kinds=["error_new"])
    make_group(connection, at=NOW - HOUR)
    assert [errors.look(NOW), errors.look(NOW + MINUTE)] == [0, 0]


def test_what_a_look_costs_does_not_grow_with_the_errors(connection, django_assert_max_num_queries):
    make_route(kinds=["error_new"])
    errors.look(NOW)
    for number in range(30):
        make_group(connection, at=NOW + timedelta(seconds=number), key=bytes([number]) * 32)
    errors.look(NOW + MINUTE)
    with django_assert_max_num_queries(9):
        errors.look(NOW + 2 * MINUTE)


def test_what_went_three_months_ago_is_forgotten_and_what_waits_is_not(connection):
    make_route()
    for number in range(2):
        subject = alerts.Subject(connection.client, f"test:{number}", "/", connection=connection)
        alerts.begin(subject, "failing", now=NOW)
    sending.send_due(now=NOW, send=Place(200, 503))
    assert sending.forget_old(NOW + timedelta(days=89)) == 0
    assert sending.forget_old(NOW + timedelta(days=91)) == 1
    assert AlertDelivery.objects.get().state == State.WAITING


def test_doctor_opens_what_routes_have_sealed():
    route = make_route("signed")
    opened = {name: open_it().expose() for name, open_it in sealing.sealed_rows()}
    assert opened[f"alert route {route.pk} address"] == URLS["signed"]
    assert opened[f"alert route {route.pk} signing secret"].startswith("whsec_")


def test_a_client_who_leaves_takes_routes_and_alerts_along(connection):
    make_route(client=connection.client, name="own")
    make_route(name="agency")
    fail(connection)
    removing.remove(connection.client)
    assert removing.what_is_left(connection.client) == []
    assert list(AlertRoute.objects.values_list("name", flat=True)) == ["agency"]
    assert not AlertDelivery.objects.exists()
