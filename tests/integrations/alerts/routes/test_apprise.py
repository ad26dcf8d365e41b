"""Alerts by Apprise: what its plugins send goes our way, by our rules, and nothing of an address is seen."""

from __future__ import annotations

import ast
import json
import logging
from pathlib import Path

import apprise.plugins
import pytest
import requests

from integrations import alerts
from integrations.alerts.routes import making, posting, sending
from integrations.alerts.routes.addresses import BadRoute, check_address
from integrations.alerts.routes.apprise import plugins, transport
from integrations.alerts.routes.apprise.masking import masked_url
from integrations.alerts.routes.apprise.table import BY_SCHEME, SERVICES
from integrations.models import AlertDelivery, AlertRoute, Connection, Message
from integrations.outbound import Answer, HostRefused, UpstreamTimeout
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.canaries import Net
from tests.factories import make_client, make_user
from tests.fake_upstream import FakeUpstream
from tests.integrations.alerts.routes.places import NOW, Place, make_route

pytestmark = pytest.mark.django_db
FOLDER = Path(apprise.plugins.__file__).parent
TELEGRAM = "tgram://123456789:AAxyzzycanary5_abcdefghijklmnop/12315544/"
JSON = (b"Content-Type", b"application/json")
HARMLESS = (
    "__future__ base64 collections contextlib copy cryptography datetime email enum gzip hashlib hmac html io json"
    " itertools logging math os random re requests requests_oauthlib secrets string sys time typing urllib uuid xml"
)
NO_WAY_OUT = frozenset({"urllib.request", "urllib.error", "os.system", "os.popen"})
OURS_TO_GIVE = frozenset({"get", "post", "put", "delete", "request"})
ONLY_NAMES = frozenset({"RequestException", "TooManyRedirects", "auth", "codes", "exceptions"})


@pytest.fixture
def connection():
    acme = make_client("acme")
    about = {"client": acme, "environment": acme.environments.first(), "provider_key": "hubspot", "kind": "oauth2"}
    return Connection.objects.create(slug="acme-hubspot", label="HubSpot", **about)


def fail(connection):
    alerts.failing(connection, code="upstream_unreachable", now=NOW, failed=5)


def ok(body: object) -> Answer:
    return Answer(200, (JSON,), json.dumps(body).encode())


@pytest.mark.parametrize("module", sorted({service.module for service in SERVICES}))
def test_a_plugin_that_is_offered_can_only_speak_through_requests(module):
    tree = ast.parse((FOLDER / f"{module}.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [str(node.module)]
        elif isinstance(node, ast.ImportFrom) and node.level == 1:
            assert node.module == "base", "A neighbour would have to be shut too."
            continue
        elif isinstance(node, ast.ImportFrom):
            assert {each.name for each in node.names} & {"SocketTransport", "AppriseConfig"} == set()
            assert node.module not in ("utils.socket", "config", "config.http", "attachment.http")
            continue
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "requests":
            assert node.attr in OURS_TO_GIVE | ONLY_NAMES
            continue
        else:
            continue
        for name in names:
            assert name.partition(".")[0] in HARMLESS.split()
            assert name not in NO_WAY_OUT


def test_the_table_says_what_the_plugins_say():
    for scheme, service in BY_SCHEME.items():
        kind = plugins._class_of(service.module, scheme)
        assert str(kind.service_name) == service.name
        assert scheme in plugins._schemes(kind)
        written = {each.replace("{schema}", service.schemes[0]).rstrip("/") for each in kind.templates}
        assert service.example.replace("{target}", "{targets}") in written
    assert len(SERVICES) >= 100


@pytest.mark.parametrize(
    "scheme",
    ["dbus", "syslog", "rsyslog", "windows", "macosx", "file", "exec", "mqtt", "mailto", "irc", "xmpp", "fcm", "growl"],
)
def test_what_is_no_service_of_the_net_is_refused(scheme):
    with pytest.raises(BadRoute, match="knows no service"):
        check_address("apprise", Secret(f"{scheme}://localhost/xyzzy-canary"))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tgram://nonsense", "For Telegram it is written like this: tgram://{bot_token}/{target}"),
        ("tgram://123456789:AAabcdefghijklmnopqrs/111/222", "several recipients"),
        ("tgram://123456789:AAabcdefghijklmnopqrs/111/?template=/etc/passwd", "not complete"),
        ("no scheme", "knows no service"),
    ],
)
def test_an_address_that_cannot_be_is_refused_in_words_without_it(address, said):
    with pytest.raises(BadRoute) as refused:
        check_address("apprise", Secret(address))
    assert said in str(refused.value)
    assert "AAabc" not in str(refused.value)


FIVE = {
    "telegram": (TELEGRAM, "api.telegram.org", {"ok": True, "result": {}}),
    "ntfy": ("ntfy://my-topic-of-alerts", "ntfy.sh", {"id": "1"}),
    "pushover": (f"pover://{'u' * 30}@{'a' * 30}", "api.pushover.net", {"status": 1}),
    "pagerduty": (f"pagerduty://{'k' * 32}@{'a' * 20}", "events.pagerduty.com", {"status": "success"}),
    "google chat": ("gchat://space/key0123456789/token0123456789", "chat.googleapis.com", {"name": "x"}),
    "gotify": ("gotifys://push.example.com/Axyzzy0123456789", "push.example.com", {"id": 1}),
    "zulip": (f"zulip://botty@org/{'a' * 32}/general", "org.zulipchat.com", {"result": "success"}),
    "json": ("jsons://user:pass@hooks.example.com/in", "hooks.example.com", {}),
}


@pytest.mark.parametrize("name", FIVE)
def test_a_message_goes_to_the_service_by_our_own_sender(connection, name):
    address, host, answer = FIVE[name]
    make_route("apprise", url=address)
    place = Place(ok(answer))
    fail(connection)
    assert sending.send_due(now=NOW, send=place) == 1
    [(method, url, headers, body)] = place.sent
    assert (method, url.split("/")[2]) == ("POST", host)
    assert url.startswith("https://")
    assert b"HubSpot" in body or b"hubspot" in body.lower()
    assert not {"host", "content-length"} & set(headers)
    assert AlertDelivery.objects.get().state == "sent"


@pytest.mark.parametrize(
    "address", [f"opsgenie://{'a' * 8}-{'b' * 4}-{'c' * 4}-{'d' * 4}-{'e' * 12}", f"jira://{'a' * 36}/#ops"]
)
def test_a_test_and_what_is_only_told_arrive_where_incidents_are_opened(address):
    place = Place(Answer(202, (JSON,), b'{"result": "Request will be processed", "requestId": "1"}'))
    arrived, said = making.try_out(make_route("apprise", url=address), actor=SYSTEM, now=NOW, send=place)
    assert arrived, said
    assert "A test from Keylodge" in str(place.payloads)


def test_names_do_not_become_links(connection):
    connection.client.name = '<a href="https://evil.example">A</a> [B](https://evil.example)'
    connection.client.save()
    make_route("apprise", url=TELEGRAM)
    place = Place(ok({"ok": True}))
    fail(connection)
    sending.send_due(now=NOW, send=place)
    text = place.payloads[0]["text"]
    assert "<a" not in text
    assert "](" not in text


@pytest.mark.parametrize(
    ("answer", "code", "status", "said"),
    [
        (Answer(401, (), b""), "", 401, "The address refuses us (401). Copy it again, whole."),
        (Answer(400, (JSON,), b'{"description": "chat not found"}'), "not_taken", 400, "Check key and recipient"),
        (Answer(503, (), b""), "", 503, "a failure of its own (503)"),
        (UpstreamTimeout("late"), "upstream_timeout", None, "no answer within 10 seconds"),
        (HostRefused("private"), "host_refused", None, "into a private network, or is plain http"),
    ],
)
def test_a_failure_says_what_to_do(answer, code, status, said):
    route = make_route("apprise", url=TELEGRAM)
    arrived, sentence = making.try_out(route, actor=SYSTEM, now=NOW, send=Place(answer))
    assert not arrived
    assert said in sentence


def test_a_place_that_asks_for_time_gets_it(connection):
    make_route("apprise", url=TELEGRAM)
    fail(connection)
    busy = Answer(429, ((b"Retry-After", b"900"), JSON), b'{"parameters": {"retry_after": 900}}')
    sending.send_due(now=NOW, send=Place(busy))
    delivery = AlertDelivery.objects.get()
    assert (delivery.status, (delivery.due_at - NOW).total_seconds()) == (429, 900)


def test_a_private_address_is_never_called(connection):
    with FakeUpstream() as place:
        make_route("apprise", url=f"json://{place.host}/in?verify=no")
        fail(connection)
        sending.send_due(now=NOW)
        assert place.requests == []
    assert AlertDelivery.objects.get().error == "host_refused"


def test_an_address_that_leads_on_is_not_followed(connection, settings):
    with FakeUpstream(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as other:
        redirect = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {other.url}/\r\nContent-Length: 0\r\n\r\n".encode()
        with FakeUpstream(redirect) as place:
            settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [place.host, other.host]
            make_route("apprise", url=f"json://{place.host}/in?redirect=yes")
            fail(connection)
            assert sending.send_due(now=NOW) == 0
            assert (len(place.requests), len(other.requests)) == (1, 0)
    assert AlertDelivery.objects.get().status == 307


def test_a_message_has_one_deadline_whatever_its_address_says(settings, monkeypatch):
    monkeypatch.setattr(posting, "DEADLINE_S", 0.3)
    with FakeUpstream(lambda _sock, _request: None) as place:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [place.host]
        route = make_route("apprise", url=f"json://{place.host}/in?rto=600&cto=600")
        _arrived, said = making.try_out(route, actor=SYSTEM, now=NOW)
    assert "no answer within" in said


def test_a_plugin_cannot_send_when_nothing_is_to_be_sent():
    with pytest.raises(requests.ConnectionError):
        transport.StandIn().get("https://example.com/")
    with pytest.raises(AttributeError):
        _ = transport.StandIn().Session


def test_a_plugin_that_goes_round_in_circles_is_stopped():
    place, stand_in = Place(), transport.StandIn()
    with transport.way_out(place, deadline_s=10) as line:
        for _ in range(transport.MOST_REQUESTS):
            stand_in.get("https://example.com/")
        with pytest.raises(requests.ConnectionError):
            stand_in.get("https://example.com/")
    assert (len(place.sent), line.error) == (transport.MOST_REQUESTS, "upstream_timeout")


def test_a_plugin_reads_no_file():
    plugins.plugin_of(TELEGRAM)
    with pytest.raises(OSError, match="reads no file"):
        vars(__import__("sys").modules["apprise.plugins.telegram"])["open"]("/etc/passwd")


def test_no_part_of_an_address_is_found_anywhere(connection, log):
    olga = make_user("Olga", is_owner=True)
    canaries = {str(n): f"xyzzy0canary{n}0abcdefgh" for n in range(3)}
    urls = [
        f"tgram://123456789:{canaries['0']}/12315544/",
        f"jsons://{canaries['1']}:{canaries['1']}@hooks.example.com/{canaries['1']}?+X-Key={canaries['1']}",
        f"twitter://{canaries['2']}/{canaries['2']}/{canaries['2']}/{canaries['2']}?mode=tweet",
    ]
    net = Net({name: value[:-4] for name, value in canaries.items()})  # the last four may be shown
    routes = [make_route("apprise", url=url, name=str(number)) for number, url in enumerate(urls)]
    fail(connection)
    echo = Place(Answer(403, (), " ".join(urls).encode()))
    sending.send_due(now=NOW, send=echo)
    assert echo.sent
    for route, url in zip(routes, urls, strict=True):
        making.try_out(route, actor=SYSTEM, now=NOW, send=Place(RuntimeError(url)))
        making.change(
            route,
            actor=SYSTEM,
            now=NOW,
            name="changed",
            address=Secret(url + ("&" if "?" in url else "?") + "overflow=split"),
        )
    logging.getLogger("apprise.plugins").warning(urls[0])
    shown = AlertRoute.objects.values()
    rows = [{name: value for name, value in each.items() if not name.endswith("_sealed")} for each in shown]
    rows += [*AlertDelivery.objects.values(), *Message.objects.filter(user=olga).values(), *AuditEvent.objects.values()]
    written = json.dumps(rows, default=str) + log.getvalue() + repr(routes)
    assert net.found_in("rows and logs", written) == []


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("tgram://123456789:AAabcdefghijklmnopwxyz/1/", "tgram://****wxyz"),
        ("ntfy://short", "ntfy://****"),
        ("sk_live_abcdefghijklmnopqrst://x", "****"),
        ("sk_live_abcdefghijklmnopqrst", "****"),
    ],
)
def test_of_an_address_the_last_four_are_shown(address, masked):
    assert masked_url(address) == masked


def test_where_apprise_was_taken_away_a_route_says_so(monkeypatch):
    route = make_route("apprise", url=TELEGRAM)
    monkeypatch.setattr("integrations.alerts.routes.apprise.plugins.is_installed", lambda: False)
    _arrived, said = making.try_out(route, actor=SYSTEM, now=NOW, send=Place())
    assert said == "Apprise is not installed here any more. Install it again, or remove the route."
    with pytest.raises(BadRoute, match=r"tools/bootstrap --extra apprise"):
        check_address("apprise", Secret(TELEGRAM))


def test_the_command_that_adds_it_is_one_that_there_is():
    bootstrap = (Path(__file__).parents[4] / "tools" / "bootstrap").read_text()
    assert plugins.INSTALL in bootstrap
