"""What a sender hears, and what is in the database by then."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import asgi
from integrations.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from integrations.webhooks import app, endpoints, opening, receiving, writer
from integrations.webhooks.endpoints import Known
from integrations.webhooks.schemes.registry import custom_scheme
from integrations.webhooks.storing import Arrival
from integrations.webhooks.writer import Writer
from secrets_vault import generation, vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.engines import only_on_postgres
from tests.factories import make_client, make_webhook_endpoint, make_webhook_target
from tests.integrations.webhooks.senders import (
    GIVES_SECRET,
    NOW,
    PING,
    SECRET,
    SIGNED_ID,
    STOPS_WITH_406,
    UNSIGNED_ID,
    body_of,
    post,
    post_once,
    signed,
    with_inlet,
)

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/hooks/acme"
HOUR = timedelta(hours=1)


TEXT = st.one_of(st.binary(max_size=80), st.sampled_from([b"", b"\xff", b"t=1,v1=00", b"1795348800", b"0" * 64]))
NAMES = st.sampled_from([b"X-Signature", b"x-timestamp", b"x-delivery", b"content-length", b"content-type", b"\xe9"])
HEADERS = st.lists(st.tuples(NAMES, TEXT), max_size=6)
KNOWN = Known(
    WebhookEndpoint(slug="acme", scheme_key="custom", custom=SIGNED_ID),
    custom_scheme(SIGNED_ID),
    Secret(SECRET),
    None,
    None,
)


REPEATED = {
    "name": "crc",
    "method": "GET",
    "when": ["query:crc_token"],
    "value": "query:crc_token",
    "reply": "json",
    "json": {"response_token": "sha256={hmac}"},
}


def make_endpoint(custom: dict[str, Any] = SIGNED_ID, **fields: Any) -> Any:
    """Return Acme's endpoint for a vendor of our own, with one target."""
    fields.setdefault("secret", SECRET)
    endpoint = make_webhook_endpoint(make_client(), "acme", scheme_key="custom", custom=custom, **fields)
    make_webhook_target(endpoint)
    return endpoint


@pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
def test_a_genuine_request_is_stored_before_it_is_answered(path):
    make_endpoint()
    body = body_of(text="\u00e9\u4e16 \r\n\t")

    answer = post_once(path, body, signed(body), query=b"a=%2F&b")

    event = WebhookEvent.objects.get()
    assert (answer.status, answer.body) == (200, b"")
    assert (event.event_key, event.event_type, event.remote_ip) == ("evt_1", "thing.made", "198.51.100.7")
    assert opening.body_of(event) == body
    assert opening.head_of(event).url.endswith(f"{path}?a=%2F&b")
    assert WebhookDelivery.objects.get().event_id == event.pk


def test_a_chunked_body_arrives_whole():
    make_endpoint()
    body = body_of(text="x" * 200_000)
    chunks = [body[at : at + 8192] for at in range(0, len(body), 8192)]

    answer = post_once(PATH, chunks, [*signed(body), (b"transfer-encoding", b"chunked")])

    assert answer.status == 200
    assert opening.body_of(WebhookEvent.objects.get()) == body


def without(headers, name):
    return [pair for pair in headers if pair[0] != name]


GENUINE = signed(body_of())
REFUSED = {
    "missing": without(GENUINE, b"x-signature"),
    "empty": [*without(GENUINE, b"x-signature"), (b"x-signature", b"")],
    "doubled": [*GENUINE, GENUINE[0]],
    "non-ascii": [*without(GENUINE, b"x-signature"), (b"x-signature", b"\xe9" * 64)],
    "truncated": [*without(GENUINE, b"x-signature"), (b"x-signature", GENUINE[0][1][:-2])],
    "other secret": signed(body_of(), secret="another-secret"),
    "other body": signed(body_of("evt_2")),
    "stale": signed(body_of(), at=NOW - HOUR),
    "future": signed(body_of(), at=NOW + HOUR),
}


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
def test_what_proves_nothing_is_401_and_kept_but_not_delivered(headers):
    make_endpoint()

    answer = post_once(PATH, body_of(), headers)

    event = WebhookEvent.objects.get()
    assert (answer.status, answer.body) == (401, b"")
    assert event.verdict == "quarantined"
    assert event.reason
    assert event.why.endswith(".")
    assert opening.body_of(event) == body_of()
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b'{"type": "thing.made", "id": "evt_1"}',
        b'{"id":"evt_1","type":"thing.made"}',
        b'{"id": "evt_0", "id": "evt_1", "type": "thing.made"}',
        body_of() + b"\n",
        b"\xef\xbb\xbf" + body_of(),
        b"",
    ],
)
def test_a_body_that_only_means_the_same_is_refused(body):
    make_endpoint()

    assert post_once(PATH, body, GENUINE).status == 401


def test_an_endpoint_without_a_secret_refuses():
    make_endpoint(secret="")

    assert post_once(PATH, body_of(), signed(body_of())).status == 401
    assert WebhookEvent.objects.get().reason == "no_secret"


def test_a_deleted_secret_opens_nothing():
    endpoint = make_endpoint()
    vault.delete(endpoint.secret, actor=SYSTEM)

    assert post_once(PATH, body_of(), signed(body_of())).status == 401


def test_an_unknown_scheme_refuses():
    make_endpoint({"proofs": [{"kind": "hmac", "signed": "{nonsense}"}]})

    assert post_once(PATH, body_of(), signed(body_of())).status == 401
    assert WebhookEvent.objects.get().reason == "unknown_scheme"


def test_verification_is_never_off_by_accident():
    endpoint = make_endpoint()
    WebhookEndpoint.objects.update(scheme_key="none")

    assert post_once(PATH, b"x").status == 401
    WebhookEndpoint.objects.update(is_verified_required=False)
    assert [post_once(PATH, b"x").status for _ in range(2)] == [200, 200]
    assert WebhookEvent.objects.filter(endpoint=endpoint, verdict="accepted", duplicates=0).count() == 2


@pytest.mark.parametrize(
    "path", ["/hooks/other", "/hooks", "/hooks/", "/hooks/acme/more", "/hooks/acme//", "/hooks/a.b"]
)
def test_an_address_nobody_made_is_404(path):
    make_endpoint()

    answer = post_once(path, body_of(), signed(body_of()))

    assert answer.status == 404
    assert not WebhookEvent.objects.exists()


def test_a_disabled_endpoint_is_410():
    make_endpoint(disabled_at=NOW)

    assert post_once(PATH, body_of(), signed(body_of())).status == 410
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("is_declared", [True, False])
def test_a_body_over_the_endpoints_limit_is_413(is_declared):
    make_endpoint(max_body_bytes=1000)
    body = body_of(text="x" * 1000)
    length = [(b"content-length", b"%d" % len(body))] if is_declared else []

    assert post_once(PATH, [body[:600], body[600:]], [*signed(body), *length]).status == 413
    assert not WebhookEvent.objects.exists()


def test_a_body_that_ends_early_is_not_stored():
    make_endpoint()
    body = body_of()

    assert post_once(PATH, body, [*signed(body), (b"content-length", b"9999")]).status == 400
    assert post_once(PATH, body, signed(body), is_gone=True).status == 0
    assert not WebhookEvent.objects.exists()


def test_bodies_on_their_way_in_never_fill_the_memory(monkeypatch):
    monkeypatch.setattr(receiving, "MOST_AT_ONCE", 1000)
    monkeypatch.setattr(receiving, "FREE", 0)
    make_endpoint()
    body = body_of(text="x" * 900)

    async def story(inlet):
        answer = await post(inlet.handle, PATH, [body[:600], body[600:]], signed(body))
        small = await post(inlet.handle, PATH, body_of(), signed(body_of()))
        return answer.status, small.status, inlet.room.taken

    assert len(body) < 1000
    assert with_inlet(story)[0] == 200
    monkeypatch.setattr(receiving, "MOST_AT_ONCE", 700)
    assert with_inlet(story) == (503, 200, 0)


def test_no_endpoint_takes_more_than_25_mb(monkeypatch):
    monkeypatch.setattr(app, "MOST_BODY_BYTES", 100)
    make_endpoint(max_body_bytes=2_000_000_000)

    assert post_once(PATH, b"x" * 101).status == 413


def test_an_endpoint_shows_when_it_last_heard_of_its_vendor():
    make_endpoint()

    post_once(PATH, body_of(), signed(body_of(), secret="forged"))
    assert WebhookEndpoint.objects.get().last_event_at is None
    for number, second in ((1, 0), (2, 1), (3, 9)):
        body, at = body_of(f"evt_{number}"), NOW + timedelta(seconds=second)
        post_once(PATH, body, signed(body, at=at), now=at)

    assert WebhookEndpoint.objects.get().last_event_at == NOW + timedelta(seconds=9)


def test_no_secret_stays_in_memory_because_nobody_asks(monkeypatch):
    monkeypatch.setattr(endpoints, "KEPT_S", 0.05)
    make_endpoint()

    async def story(inlet):
        await post(inlet.handle, PATH, body_of(), signed(body_of()))
        async with asyncio.timeout(5):
            while inlet.endpoints._kept:  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.02)

    with_inlet(story)


def test_a_sender_that_dawdles_is_408(monkeypatch):
    monkeypatch.setattr(receiving, "WITHIN_S", 0.01)
    make_endpoint()

    async def story(inlet):
        async def never():
            await asyncio.Event().wait()

        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "headers": [], "client": None}
        await inlet.handle(scope, never, send)
        return sent[0]["status"]

    assert with_inlet(story) == 408


def test_the_endpoints_own_rate_holds_over_processes():
    make_endpoint(per_minute=40)

    async def story(inlet):
        return [await post(inlet.handle, PATH, b"x", method="GET") for _ in range(30)]

    first, second = with_inlet(story), with_inlet(story)

    statuses = [answer.status for answer in [*first, *second]]
    limited = next(answer for answer in second if answer.status == 429)
    assert 36 <= statuses.count(401) <= 40
    assert limited.header("retry-after") == "60"
    assert post_once(PATH, b"x", now=NOW + timedelta(minutes=1)).status == 401


def test_forged_requests_use_up_no_genuine_ones_minute():
    make_endpoint(per_minute=3)

    async def story(inlet):
        forged = [await post(inlet.handle, PATH, b"x") for _ in range(5)]
        bodies = [body_of(f"evt_{number}") for number in range(5)]
        return forged, [await post(inlet.handle, PATH, body, signed(body)) for body in bodies]

    forged, genuine = with_inlet(story)

    assert [answer.status for answer in forged] == [401, 401, 401, 429, 429]
    assert [answer.status for answer in genuine] == [200, 200, 200, 429, 429]
    assert Counter(WebhookEvent.objects.values_list("verdict", flat=True)) == {"accepted": 3, "quarantined": 3}


def test_a_copy_is_answered_200_and_delivered_once():
    make_endpoint()

    async def story(inlet):
        later = body_of("evt_1", again=True)
        posts = [post(inlet.handle, PATH, body_of(), signed(body_of())) for _ in range(20)]
        return [*await asyncio.gather(*posts), await post(inlet.handle, PATH, later, signed(later))]

    statuses = {answer.status for answer in with_inlet(story)}

    assert statuses == {200}
    assert WebhookEvent.objects.get().duplicates == 20
    assert WebhookDelivery.objects.count() == 1


def test_a_replay_under_another_unsigned_id_is_a_duplicate():
    make_endpoint(UNSIGNED_ID)
    body = body_of()

    first = post_once(PATH, body, signed(body, at=None, delivery="d-1"))
    replayed = post_once(PATH, body, signed(body, at=None, delivery="d-2"))
    other = body_of("evt_2")
    new = post_once(PATH, other, signed(other, at=None, delivery="d-3"))

    assert first.status == replayed.status == new.status == 200
    assert set(WebhookEvent.objects.values_list("event_key", "duplicates")) == {("d-1", 1), ("d-3", 0)}


def test_pings_that_repeat_are_events_of_their_own():
    make_endpoint(PING)

    statuses = [post_once(PATH, b"{}", signed(b"{}", at=None)).status for _ in range(2)]

    assert statuses == [200, 200]
    assert WebhookEvent.objects.count() == 2


def test_a_refused_request_consumes_no_id():
    make_endpoint()

    post_once(PATH, body_of(), signed(body_of(), secret="forged"))

    assert post_once(PATH, body_of(), signed(body_of())).status == 200
    assert WebhookEvent.objects.filter(verdict="accepted").count() == 1


def test_the_answers_are_the_ones_the_vendor_asks_for():
    make_endpoint(STOPS_WITH_406)
    body = body_of()

    good, bad = post_once(PATH, body, signed(body, at=None)), post_once(PATH, body, signed(body))

    assert (good.status, good.body, good.header("content-type")) == (202, b"thanks", "text/plain")
    assert bad.status == 406


@pytest.mark.parametrize(
    ("ranges", "ip", "status"),
    [
        (["203.0.113.0/24"], "203.0.113.9", 200),
        (["203.0.113.4"], "203.0.113.40", 401),
        (["203.0.113.0/24"], "::ffff:203.0.113.9", 200),
        (["::ffff:203.0.113.0/120"], "203.0.113.9", 200),
        (["203.0.113.0/24"], "198.51.100.1", 401),
        (["2001:db8::/32"], "2001:db8:1::1", 200),
        (["203.0.113.0/24"], "", 401),
    ],
)
def test_an_address_list_narrows_by_networks(ranges, ip, status):
    make_endpoint(ip_ranges=ranges)

    assert post_once(PATH, body_of(), signed(body_of()), ip=ip).status == status
    event = WebhookEvent.objects.get()
    assert event.reason == ("" if status == 200 else "address")


def test_a_published_list_that_was_never_read_lets_nobody_in():
    make_endpoint(uses_published_ips=True)

    assert post_once(PATH, body_of(), signed(body_of())).status == 401
    assert WebhookEvent.objects.get().reason == "address"


def test_an_address_list_never_replaces_a_signature():
    make_endpoint(ip_ranges=["198.51.100.7"])

    assert post_once(PATH, body_of(), signed(body_of(), secret="forged")).status == 401
    assert WebhookEvent.objects.get().reason == "mismatch"


@pytest.mark.parametrize(("hops", "status"), [(1, 200), (0, 401)])
def test_the_address_is_the_one_a_trusted_proxy_names(hops, status, request):
    request.getfixturevalue("settings").KEYLODGE_TRUSTED_PROXIES = hops
    make_endpoint(ip_ranges=["203.0.113.9"])
    headers = [*signed(body_of()), (b"host", b"localhost"), (b"x-forwarded-for", b"203.0.113.9")]

    async def story(inlet):
        async def mounted(scope, receive, send):
            await inlet.handle(scope, receive, send)

        asgi.hooks, before = mounted, asgi.hooks
        try:
            return await post(asgi.application, PATH, body_of(), headers, ip="127.0.0.1")
        finally:
            asgi.hooks = before

    assert with_inlet(story).status == status


def test_two_secrets_count_while_one_rolls():
    endpoint = make_endpoint()
    vault.replace(endpoint.secret, {"secret": Secret("the-new-signing-secret-0123456789")}, actor=SYSTEM)
    WebhookEndpoint.objects.update(previous_until=NOW + HOUR)
    old, new = body_of("evt_old"), body_of("evt_new")

    assert post_once(PATH, old, signed(old)).status == 200
    assert post_once(PATH, new, signed(new, secret="the-new-signing-secret-0123456789")).status == 200
    later = NOW + 2 * HOUR
    assert post_once(PATH, old, signed(old, at=later), now=later).status == 401


def test_a_change_elsewhere_holds_from_the_next_request():
    make_endpoint()

    async def story(inlet):
        first = await post(inlet.handle, PATH, body_of(), signed(body_of()))
        await asyncio.to_thread(switch_off)
        return first, await post(inlet.handle, PATH, body_of(), signed(body_of()))

    def switch_off():
        WebhookEndpoint.objects.update(disabled_at=NOW)
        generation.count_up()

    first, second = with_inlet(story)
    assert (first.status, second.status) == (200, 410)


def test_a_challenge_is_echoed_only_while_pairing():
    endpoint = make_endpoint(PING)
    challenge = b"challenge=%3Cscript%3E"

    refused = post_once(PATH, method="GET", query=challenge)
    WebhookEndpoint.objects.update(pairing_until=NOW + HOUR)
    over = post_once(PATH, method="GET", query=challenge, now=NOW + HOUR)
    echoed = post_once(PATH, method="GET", query=challenge)

    assert (refused.status, over.status) == (401, 401)
    assert (echoed.status, echoed.body) == (200, b"<script>")
    assert echoed.header("content-type").startswith("text/plain")
    assert echoed.header("x-content-type-options") == "nosniff"
    assert not WebhookEvent.objects.filter(endpoint=endpoint, verdict="accepted").exists()


def test_a_challenge_that_comes_every_hour_is_answered_without_pairing():
    make_endpoint({**PING, "handshakes": [{**REPEATED, "is_repeated": True}]})
    answered = post_once(PATH, method="GET", query=b"crc_token=a-token")
    refused = post_once(PATH, method="GET", query=b"crc_token=%7B%22id%22%3A1%7D")
    assert (answered.status, answered.header("content-type")) == (200, "application/json")
    assert refused.status == 401


def test_a_secret_that_a_handshake_brings_is_kept_once():
    make_endpoint(GIVES_SECRET, secret="")
    WebhookEndpoint.objects.update(pairing_until=NOW + HOUR)

    first = post_once(PATH, b"", [(b"x-hook-secret", SECRET.encode())])
    again = post_once(PATH, b"", [(b"x-hook-secret", SECRET.encode())])
    other = post_once(PATH, b"", [(b"x-hook-secret", b"a-secret-of-somebody-else")])
    body = body_of()

    assert (first.status, first.header("x-hook-secret")) == (200, SECRET)
    assert (again.status, other.status) == (200, 401)
    assert post_once(PATH, body, signed(body, at=None)).status == 200
    assert post_once(PATH, body, signed(body, at=None, secret="a-secret-of-somebody-else")).status == 401
    assert AuditEvent.objects.filter(action="webhook.paired").count() == 1


def test_storage_that_fails_is_503_and_never_200(monkeypatch):
    make_endpoint()

    def fail(items):
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(writer, "write", fail)
    good, bad = post_once(PATH, body_of(), signed(body_of())), post_once(PATH, b"forged")

    assert (good.status, bad.status) == (503, 503)
    assert good.header("retry-after")


def test_storage_that_is_slow_is_503_within_the_vendors_patience(monkeypatch):
    monkeypatch.setattr(writer, "WITHIN_S", 0.05)
    monkeypatch.setattr(Writer, "start", lambda self: None)
    make_endpoint()

    assert post_once(PATH, body_of(), signed(body_of())).status == 503


@only_on_postgres("SQLite is told when it is opened")
def test_a_server_that_does_not_wait_for_the_disk_waits_for_events(monkeypatch):
    make_endpoint()
    said: list[str] = []
    whole = writer.write

    def listen(items):
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            said.append(cursor.fetchone()[0])
        return whole(items)

    def lax(params=connection.settings_dict["OPTIONS"]):
        return {**params, "options": "-c synchronous_commit=off"}

    monkeypatch.setitem(connection.settings_dict, "OPTIONS", lax())
    monkeypatch.setattr(writer, "write", listen)

    assert post_once(PATH, body_of(), signed(body_of())).status == 200
    assert said == ["on"]


@only_on_postgres("a server can go away")
def test_a_server_that_was_started_anew_costs_no_event():
    make_endpoint()

    async def story(inlet):
        first = await post(inlet.handle, PATH, body_of("evt_1"), signed(body_of("evt_1")))
        await asyncio.to_thread(cut_every_other_connection)
        second = await post(inlet.handle, PATH, body_of("evt_2"), signed(body_of("evt_2")))
        return first.status, second.status

    def cut_every_other_connection():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND datname = current_database()"
            )
        connection.close()

    statuses = with_inlet(story)
    connection.close()  # this thread's own was cut as well

    assert statuses == (200, 200)


def test_one_request_that_cannot_be_stored_takes_no_other_with_it(monkeypatch):
    make_endpoint()
    whole = writer.write

    def fail_for_one(items):
        if any(b"evt_bad" in item.request.body for item in items):
            raise ValueError("not this one")
        return whole(items)

    monkeypatch.setattr(writer, "write", fail_for_one)

    async def story(inlet):
        bodies = [body_of("evt_bad"), *(body_of(f"evt_{n}") for n in range(6))]
        return await asyncio.gather(*(post(inlet.handle, PATH, body, signed(body)) for body in bodies))

    assert [answer.status for answer in with_inlet(story)] == [503] + [200] * 6
    assert WebhookEvent.objects.count() == 6


def test_a_fault_of_ours_makes_the_vendor_come_again_and_logs_no_payload(monkeypatch, log):
    make_endpoint()

    def fail(known, request, **more):
        raise ValueError(request.body)

    monkeypatch.setattr(app, "judge", fail)

    assert post_once(PATH, b"canary-payload-0123456789").status == 503
    assert "ValueError" in log.getvalue()
    assert "canary" not in log.getvalue()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_is_sent_gets_a_verdict(data):
    headers, body = data.draw(HEADERS), data.draw(st.binary(max_size=200))
    method, query = (
        data.draw(st.sampled_from(["POST", "GET", "HEAD", "PUT", "BREW"])),
        data.draw(st.binary(max_size=40)),
    )

    async def story(inlet):
        inlet.endpoints.find = find
        inlet.writer.put = put
        return await post(inlet.handle, PATH, body, headers, method=method, query=query)

    async def put(item):
        kept.append(item)

    async def find(slug):
        return KNOWN

    kept: list[Any] = []
    assert with_inlet(story).status in (200, 400, 401, 413)
    assert not any(isinstance(item, Arrival) for item in kept)


def test_a_head_request_gets_no_body():
    answer = post_once("/hooks/nobody", method="HEAD")

    assert (answer.status, answer.body) == (404, b"")
    assert int(answer.header("content-length")) > 0


def test_no_cookie_is_set_and_none_is_read():
    make_endpoint()

    answer = post_once(PATH, body_of(), [*signed(body_of()), (b"cookie", b"keylodge_session=x; keylodge_language=de")])

    assert answer.status == 200
    assert answer.header("set-cookie") is None
