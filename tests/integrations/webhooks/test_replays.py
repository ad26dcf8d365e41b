"""Whoever caught one genuine request makes no second event of it, however it is dressed up."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from integrations.models import WebhookDelivery, WebhookEvent
from integrations.webhooks.app import Inlet
from tests.factories import make_client, make_webhook_endpoint, make_webhook_target
from tests.integrations.webhooks import signing_by_secret
from tests.integrations.webhooks.asking import moment
from tests.integrations.webhooks.senders import Answer, post, with_inlet
from tests.integrations.webhooks.signer import Made, b64, mac, make

pytestmark = pytest.mark.django_db(transaction=True)

PUBLIC = signing_by_secret.URL.removesuffix("/hooks/acme")


def send_all(scheme: str, secret: str, requests: list[Made], **fields: Any) -> list[int]:
    """Post requests one after the other to an endpoint of a scheme; return what each was answered."""
    endpoint = make_webhook_endpoint(make_client(), "acme", scheme_key=scheme, secret=secret, **fields)
    make_webhook_target(endpoint)

    async def story(inlet: Inlet) -> list[Answer]:
        return [await posted(inlet, made) for made in requests]

    return [answer.status for answer in with_inlet(story, now=moment(requests[0].now))]


async def posted(inlet: Inlet, made: Made) -> Answer:
    address, _, query = made.url.partition("?")
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in made.headers]
    path = address.removeprefix(PUBLIC)
    return await post(inlet.handle, path, made.body, headers, method=made.method, query=query.encode("latin-1"))


@pytest.fixture(autouse=True)
def _public_address(settings: Any) -> None:
    settings.KEYLODGE_PUBLIC_URL = PUBLIC


def stands_once() -> bool:
    return WebhookEvent.objects.filter(verdict="accepted").count() == WebhookDelivery.objects.count() == 1


def test_a_copy_with_one_of_its_two_signatures_taken_away_is_a_copy():
    """The scheme takes any of three headers; a copy that keeps another one of them proves the same."""
    custom = {
        "proofs": [
            {"kind": "hmac", "hash": name, "signature": f"header:X-Signature-{name}", "signed": "{body}"}
            for name in ("sha256", "sha1")
        ]
    }
    body = b'{"n":1}'
    headers = tuple((f"X-Signature-{name}", mac("s", body, name).hex()) for name in ("sha256", "sha1"))
    whole = Made("s", "", headers, body)
    copies = [replace(whole, headers=headers[1:]), replace(whole, headers=headers[:1])]

    assert send_all("custom", "s", [whole, *copies], custom=custom) == [200, 200, 200]
    assert stands_once()


def test_a_copy_whose_body_was_moved_into_the_address_is_a_copy():
    """HubSpot signs method, address and body end to end: without a body there is no id, under the same signature."""
    made = make("hubspot_v3", b'[{"eventId":1,"subscriptionId":2,"occurredAt":3}]')
    stamp = dict(made.headers)["X-HubSpot-Request-Timestamp"]
    url = f"{made.url}?a=1"
    written = b64(mac(made.secret, b"POST" + url.encode() + made.body + stamp.encode()))
    headers = (("X-HubSpot-Request-Timestamp", stamp), ("X-HubSpot-Signature-v3", written))
    genuine = replace(made, url=url, headers=headers)
    moved = replace(genuine, url=url + made.body.decode(), body=b"")

    assert send_all("hubspot_v3", made.secret, [genuine, moved]) == [200, 200]
    assert stands_once()


def test_items_that_are_signed_alone_make_no_event_together():
    """Adyen sends one; whoever caught two could send them in each other's company, and then with a third."""
    one, two = (json.loads(make("adyen_payload", body).body)["notificationItems"][0] for body in (b"1", b"2"))
    whole = [
        replace(make("adyen_payload"), body=json.dumps({"notificationItems": items}).encode())
        for items in ([one], [two], [one, two], [two, one])
    ]

    assert send_all("adyen_payload", whole[0].secret, whole) == [200, 200, 401, 401]
    assert WebhookEvent.objects.filter(verdict="accepted").count() == 2


def test_the_database_does_not_hold_the_bare_hash_of_a_body():
    body = b'{"pin":"1234"}'
    made = make("github", body)

    assert send_all("github", made.secret, [made]) == [200]
    assert bytes(WebhookEvent.objects.get().replay_digest) != hashlib.sha256(body).digest()


def test_what_is_moved_between_name_and_value_of_a_form_is_a_copy():
    """Twilio signs names and values joined without a sign between them."""
    made = make("twilio_form")
    changed = replace(made, body=made.body.replace(b"MessageSid=SM1", b"MessageSi=dSM1"))

    assert send_all("twilio_form", made.secret, [made, changed]) == [200, 200]
    assert stands_once()


@pytest.mark.parametrize("path", ["/hooks/acme/", "/hooks/acme"])
@pytest.mark.parametrize("query", ["", "?x=1"])
def test_a_copy_at_the_other_form_of_the_address_is_a_copy(path, query):
    made = make("github")
    copy = replace(made, url=f"{PUBLIC}{path}{query}", headers=(*made.headers, ("X-Anything", "else")))

    assert send_all("github", made.secret, [made, copy]) == [200, 200]
    assert stands_once()
