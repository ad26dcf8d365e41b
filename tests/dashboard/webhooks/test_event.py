"""One event: the verdict and why, what was signed, the request masked, and each delivery with its tries."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from dashboard.pages.webhooks.payload import seen, set_out
from integrations.models import WebhookAttempt
from secrets_vault.models import AuditEvent
from tests.dashboard.webhooks.conftest import arrive, refuse, signed, used
from tests.dashboard.webhooks.test_inspector import page_of
from tests.factories import make_webhook_delivery, make_webhook_target

pytestmark = pytest.mark.django_db


def address_of(event):
    return f"/webhooks/events/{event.pk}/"


@pytest.mark.parametrize(("who", "status"), [("ada", 200), ("ben", 200), ("olive", 200), ("cora", 404)])
def test_a_strangers_event_does_not_exist(request, browser_of, stripe, who, status):
    browser = browser_of(request.getfixturevalue(who))
    assert browser.get(address_of(arrive(stripe))).status_code == status
    assert browser.get(f"/webhooks/events/{uuid4()}/").status_code == 404


VERDICTS = [
    ({}, "Accepted and kept", "Its signature is the one that Stripe makes"),
    ({"secret_number": 1}, "Accepted and kept", "by the secret before the current one"),
    ({"duplicates": 2, "last_duplicate_at": timezone.now()}, "Accepted once; its copies", "2 copies, the last at"),
    ({"signed_at": timezone.now() - timedelta(seconds=9)}, "Accepted and kept", "before it arrived"),
    ({"verdict": "released", "reason": "mismatch"}, "verified again later, and released", "Right"),
    ({"verdict": "released", "reason": "mismatch", "secret_number": None}, "it was never verified", "Not proven"),
]


def test_the_verdict_is_a_sentence(browser_of, ada, stripe):
    browser = browser_of(ada)
    for fields, title, words in VERDICTS:
        content = page_of(browser, address_of(arrive(stripe, **fields)))
        assert title in content, fields
        assert words in content, fields


REASONS = [
    ("missing", "A part that the scheme demands is not there"),
    ("doubled", "is there more than once"),
    ("malformed", "is not written as the scheme writes it"),
    ("stale", "too long ago"),
    ("future", "too far ahead"),
    ("mismatch", "not the one that your secret gives"),
    ("no_secret", "no secret to compare it with"),
    ("unknown_scheme", "no scheme that is known here"),
    ("wrong_url", "another address"),
    ("address", "does not allow"),
    ("handshake", "while you pair"),
    ("of_a_newer_version", "Said by a newer version."),
]


def test_every_refusal_is_a_sentence(browser_of, ada, stripe):
    browser = browser_of(ada)
    for reason, words in REASONS:
        content = page_of(browser, address_of(refuse(stripe, reason=reason, why="Said by a newer version.")))
        assert "Refused, and kept in quarantine" in content
        assert words in content, reason
        assert "what is in quarantine is never sent on" in content


def test_an_event_shows_what_the_vendor_signs(browser_of, ada, stripe):
    content = page_of(browser_of(ada), address_of(arrive(stripe)))
    assert "What Stripe signs" in content
    assert "{ts}.{body}" in content
    assert "t in the header Stripe-Signature" in content
    assert "the body, byte for byte as it came" in content


CANARY = "canary-sk-live-0123456789abcdef"
HOSTILE = [
    b"<script>alert(1)</script>",
    b'{"a": "<img src=x onerror=alert(1)>"}',
    b'{"a": "</pre></section><svg onload=alert(1)>"}',
    b"\xff\xfe\x00\x01<script>alert(1)</script>",
    b"[" * 5000,
    b'{"a":' * 3000 + b"1" + b"}" * 3000,
    "\u202e<script>\u202d".encode(),
    b'{"a": 1e999, "a": "twice", "b": NaN}',
    b"",
]


def test_a_hostile_body_is_only_text(browser_of, ada, stripe):
    headers = (("content-type", b"application/json"), ("x-evil", b"<script>alert(2)</script>\xff\x1b[2J"))
    browser = browser_of(ada)
    for body in HOSTILE:
        content = page_of(browser, address_of(arrive(stripe, body, headers=headers)))
        for markup in ("<script>alert", "<img src=x", "<svg onload", "\x00", "\x1b", "\u202e"):
            assert markup not in content, body[:80]
        assert content.count("</pre>") == content.count("<pre>") + content.count("<pre ")


def test_the_request_is_masked_everywhere(browser_of, ada, stripe):
    body = json.dumps({"type": "invoice.paid", "api_key": CANARY, "amount": 12}).encode()
    headers = (("content-type", b"application/json"), ("authorization", f"Bearer {CANARY}".encode()))
    event = arrive(stripe, body, headers=headers)
    browser = browser_of(ada)
    answer = browser.get(address_of(event))
    content = answer.content.decode()
    assert CANARY not in content
    assert "invoice.paid" in content
    assert 'class="mask"' in content
    curl = answer.context["curl"]
    assert curl.startswith("curl -X POST ")
    assert "/hooks/acme-stripe" in curl
    assert "authorization" not in curl.lower()
    download = browser.get(address_of(event), {"format": "json"})
    assert CANARY not in download.content.decode()
    assert download.json()["request"]["method"] == "POST"
    assert download.json()["is_masked"] is True
    assert "attachment" in download.headers["Content-Disposition"]
    assert AuditEvent.objects.filter(action="export.made", object_label="Webhook event as JSON").exists()


def test_looking_at_an_event_writes_nothing_in_the_book(browser_of, ada, stripe):
    event, browser = arrive(stripe), browser_of(ada)
    before = AuditEvent.objects.count()
    page_of(browser, address_of(event))
    assert AuditEvent.objects.count() == before


def test_a_forgotten_or_broken_payload_is_said(browser_of, ada, stripe):
    gone = arrive(stripe)
    type(gone).objects.filter(pk=gone.pk).update(head_sealed=None, body_sealed=None, forgotten_at=timezone.now())
    assert "kept as long as it was to be kept" in page_of(browser_of(ada), address_of(gone))
    broken = arrive(stripe)
    type(broken).objects.filter(pk=broken.pk).update(head_sealed=b"\x01nonsense")
    assert "cannot be opened" in page_of(browser_of(ada), address_of(broken))


def test_every_try_of_every_target_is_shown(browser_of, ada, stripe):
    event, now = arrive(stripe), timezone.now()
    first = make_webhook_delivery(
        event, make_webhook_target(stripe, name="n8n"), state="waiting", attempts=2, next_at=now + timedelta(minutes=5)
    )
    second = make_webhook_delivery(event, make_webhook_target(stripe, name="Make"), state="delivered", delivered_at=now)
    for number, (status, error) in enumerate([(503, ""), (None, "upstream_timeout")], start=1):
        WebhookAttempt.objects.create(
            delivery=first, number=number, at=now, status=status, error=error, ms=84, response_head="<b>x</b>: 1"
        )
    WebhookAttempt.objects.create(delivery=second, number=1, at=now, status=200, ms=1500)
    content = page_of(browser_of(ada), address_of(event))
    for words in ("n8n", "Make", "Try 1: 503 Service Unavailable in 84 ms", "Try 2: no answer in time in 84 ms",
                  "Try 1: 200 OK in 1.5 s", "in 5 min", "next try", "Delivered", "Waiting"):  # fmt: skip
        assert words in content
    assert "<b>x</b>" not in content


@pytest.mark.parametrize(
    ("state", "attempts", "said"),
    [("sending", 1, ""), ("waiting", 1, "1 try was cut off"), ("sending", 3, "2 tries were cut off")],
)
def test_a_try_that_ended_with_its_worker_is_said(browser_of, ada, stripe, state, attempts, said):
    event = arrive(stripe)
    make_webhook_delivery(event, make_webhook_target(stripe, name="n8n"), state=state, attempts=attempts)
    content = page_of(browser_of(ada), address_of(event))
    assert ("cut off" in content) == bool(said)
    assert said in content


def test_the_events_of_an_endpoint_are_walked_one_by_one(browser_of, ada, stripe):
    first, middle, last = (arrive(stripe, ago=timedelta(minutes=m)) for m in (3, 2, 1))
    content = page_of(browser_of(ada), address_of(middle))
    assert f'rel="prev" href="{address_of(first)}"' in content
    assert f'rel="next" href="{address_of(last)}"' in content


def test_a_page_of_an_event_with_ten_targets_costs_few_queries(browser_of, ada, stripe, django_assert_max_num_queries):
    event = arrive(stripe)
    for number in range(10):
        delivery = make_webhook_delivery(event, make_webhook_target(stripe, name=f"T{number}"))
        WebhookAttempt.objects.create(delivery=delivery, number=1, at=timezone.now(), status=500)
    browser = browser_of(ada)
    with django_assert_max_num_queries(20):
        page_of(browser, address_of(event))


@pytest.mark.parametrize(
    ("text", "laid_out"),
    [
        ('{"a":1,"b":[1,2,{"c":null}],"d":{},"e":[]}',
         '\n{\n  "a": 1,\n  "b": [\n    1,\n    2,\n    {\n      "c": null\n    }\n  ],\n  "d": {},\n  "e": []\n}'),
        ('{"a": 1.10, "a": 1e999}', '\n{\n  "a": 1.10,\n  "a": 1e999\n}'),
        ('[ "x{},:[]", "\\"" ]', '\n[\n  "x{},:[]",\n  "\\""\n]'),
        ("{}", "{}"),
        ("a=1&b=2", None),
        ("[" * 5000, None),
        ('{"a": ', None),
    ],
)  # fmt: skip
def test_json_is_set_out_and_every_value_stays_as_it_was_written(text, laid_out):
    found = set_out(text)
    assert found == (laid_out.lstrip("\n") if laid_out else None)


def test_letters_that_cannot_be_seen_are_shown_by_their_number():
    assert seen("a\u202eb\x00c\r\nd") == "a\\u202eb\\u0000c\nd"


BODY = b'{"id": "evt_1", "type": "invoice.paid"}'


def inspected(browser, event):
    answer = browser.get(address_of(event))
    assert answer.status_code == 200
    return answer.context["inspected"], answer.content.decode()


def test_the_string_to_sign_and_both_signatures_are_shown_masked(browser_of, ada, stripe):
    used(stripe)
    headers = signed(BODY, at=timezone.now())
    found, content = inspected(browser_of(ada), arrive(stripe, BODY, headers=headers))
    assert found.is_valid
    assert found.signed.endswith(".{body}")
    assert "It fits" in content
    digest = headers[1][1].decode().partition("v1=")[2]
    assert digest[:8] in content
    assert digest[:16] not in content


def test_a_wrong_signature_shows_where_it_parts(browser_of, ada, stripe):
    used(stripe)
    headers = signed(BODY, at=timezone.now(), secret="whsec_other")
    found, content = inspected(browser_of(ada), refuse(stripe, BODY, headers=headers))
    assert not found.is_valid
    assert "It does not fit" in content
    assert f"they part at character {found.explanation.first_difference + 1}" in content


def test_a_refused_event_that_fits_now_says_so(browser_of, ada, stripe):
    used(stripe)
    at = timezone.now() - timedelta(days=3)
    event = refuse(stripe, BODY, headers=signed(BODY, at=at), ago=timedelta(days=3))
    found, content = inspected(browser_of(ada), event)
    assert found.is_valid
    assert "Verified again, it would be accepted" in content


def test_a_secret_that_was_never_used_is_not_used_by_looking(browser_of, ada, stripe):
    found, content = inspected(browser_of(ada), arrive(stripe, BODY, headers=signed(BODY, at=timezone.now())))
    assert found is None
    assert "never used yet" in content
    assert not stripe.secret.versions.filter(first_used_at__isnull=False).exists()
