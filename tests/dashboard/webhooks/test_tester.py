"""A scheme of one's own, and the live tester: what was signed, where signatures part, and nothing kept of it."""

from __future__ import annotations

import hashlib
import hmac
import time

import pytest

from integrations.models import WebhookEndpoint
from integrations.webhooks.captured import BadCapture, read_captured
from tests.factories import make_webhook_endpoint
from tests.house.world import changed, everything_stored

pytestmark = pytest.mark.django_db
HOME = "/webhooks/acme-own/tester/"
SECRET = "canary-secret-0123456789-abcdef"
BODY = '{"id": "evt_1", "note": "<b>canary-body-0123456789</b>"}'
OWN = {
    "kind": "hmac", "hash": "sha256", "encoding": "hex", "key_form": "text", "signature": "header:X-Signature",
    "sig_prefix": "sha256=", "signed": "{ts}.{body}", "ts_place": "header:X-Time", "ts_unit": "s",
    "id_place": "json:id",
}  # fmt: skip
STORED = {
    "proofs": [{"kind": "hmac", "signature": "header:X-Signature", "signed": "{ts}.{body}", "prefix": "sha256="}],
    "timestamp": {"place": "header:X-Time"},
    "id": {"places": ["json:id"]},
}


@pytest.fixture
def endpoint(acme):
    return make_webhook_endpoint(acme, "acme-own", scheme_key="custom", custom=STORED, secret=SECRET)


@pytest.fixture
def browser(browser_of, ada, endpoint):
    return browser_of(ada)


def captured(*, secret=SECRET, at=None, body=BODY, signed=None):
    """Return a request as a text field sends it: with CR LF."""
    stamp = str(int(at or time.time()))
    right = hmac.new(secret.encode(), f"{stamp}.{signed or body}".encode(), hashlib.sha256).hexdigest()
    head = f"POST /hooks/acme-own HTTP/1.1\nHost: x\nX-Time: {stamp}\nX-Signature: sha256={right}\n\n{body}"
    return head.replace("\n", "\r\n")


def tried(browser, **typed):
    return browser.post(HOME, OWN | {"try": "1", "as_then": "on"} | typed)


def test_a_right_signature_fits_by_the_secret_in_the_vault(browser):
    answer = tried(browser, captured=captured())
    assert answer.status_code == 200
    assert answer.context["tried"].is_valid
    assert "{body}" in answer.context["tried"].signed


def test_a_wrong_one_shows_where_the_signatures_part(browser):
    answer = tried(browser, captured=captured(secret="another"))
    told = answer.context["tried"].explanation
    assert (told.verdict, told.reason) == ("invalid", "mismatch")
    assert told.first_difference is not None
    assert "at character" in answer.content.decode()


def test_an_old_request_is_judged_as_of_its_own_time_or_of_now(browser):
    old = captured(at=time.time() - 9_999)
    assert tried(browser, captured=old).context["tried"].is_valid
    assert tried(browser, captured=old, as_then="").context["tried"].explanation.reason == "stale"


def test_a_typed_secret_goes_before_the_stored_one(browser):
    assert tried(browser, captured=captured(secret="typed-one"), secret="typed-one").context["tried"].is_valid


def test_nothing_typed_is_stored_logged_or_shown_again(browser, log):
    browser.get(HOME)
    tried(browser, captured=captured())  # the first use of a secret is in the book
    before = everything_stored()
    secret = "typed-canary-secret-9876543210"
    answers = [
        tried(browser, captured=captured(secret=secret), secret=secret),
        tried(browser, captured="no request, canary-body-0123456789", secret=secret),
        tried(browser, captured=captured(), secret=secret, signed="{odd}"),
    ]
    assert [answer.status_code for answer in answers] == [200, 422, 422]
    for answer in answers:
        page = answer.content.decode()
        assert secret not in page
        assert "canary-body" not in page
    assert "canary" not in log.getvalue()
    assert changed(before) == []


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("signed", "{odd}.{body}", "odd"), ("signed", "", "token"), ("signature", "cookie:x", "place"),
        ("signature", "", "signature"), ("ts_place", "", "ts"), ("id_place", "x", "place"),
        ("as_toml", "proofs = 1", "proofs"), ("as_toml", "a b", "="), ("as_toml", 'name = "x"', "name"),
    ],
)  # fmt: skip
def test_a_parameter_that_cannot_be_is_told_at_its_field(browser, endpoint, field, typed, said):
    answer = browser.post(HOME, OWN | {"save": "1", field: typed})
    assert answer.status_code == 422
    errors = answer.context["custom"].errors
    assert list(errors) in ([field], ["signed" if field == "ts_place" else field])
    assert said in str(errors)
    assert WebhookEndpoint.objects.get().custom == STORED


def test_a_changed_scheme_is_saved(browser, endpoint):
    assert browser.post(HOME, OWN | {"save": "1", "sig_prefix": "v1=", "hash": "sha512"}).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.custom["proofs"][0]["prefix"], endpoint.custom["proofs"][0]["hash"]) == ("v1=", "sha512")
    assert browser.get(HOME).context["custom"].initial["sig_prefix"] == "v1="


def test_what_the_form_has_no_field_for_comes_back_as_toml(browser, endpoint):
    toml = '[[proofs]]\nkind = "equality"\nsignature = "query:t\\u00e9"\n[reply]\nstatus = 204\nbody = "o\\"k"'
    toml = toml.replace("t\\u00e9", "token")
    assert browser.post(HOME, {"save": "1", "as_toml": toml}).status_code == 302
    again = browser.get(HOME).context["custom"].initial["as_toml"]
    endpoint.refresh_from_db()
    first = endpoint.custom
    assert browser.post(HOME, {"save": "1", "as_toml": again}).status_code == 302
    endpoint.refresh_from_db()
    assert endpoint.custom == first
    assert first["reply"] == {"status": 204, "body": 'o"k'}


def test_an_endpoint_of_ones_own_scheme_is_made(browser_of, ada, acme):
    browser, typed = browser_of(ada), OWN | {"place": str(acme.environments.first().pk)}
    assert browser.post("/webhooks/new/?scheme=custom", typed | {"signed": "{odd}"}).status_code == 422
    assert not WebhookEndpoint.objects.exists()
    answer = browser.post("/webhooks/new/?scheme=custom", typed)
    endpoint = WebhookEndpoint.objects.get()
    assert answer.headers["Location"] == f"/webhooks/{endpoint.slug}/settings/"
    assert (endpoint.scheme_key, endpoint.custom["proofs"][0]["signed"]) == ("custom", "{ts}.{body}")


def test_a_scheme_of_the_catalogue_is_tried_and_not_changed(browser_of, ada, acme):
    make_webhook_endpoint(acme, "acme-gh", scheme_key="github", secret=SECRET)
    right = hmac.new(SECRET.encode(), BODY.encode(), hashlib.sha256).hexdigest()
    text = f"X-Hub-Signature-256: sha256={right}\nX-GitHub-Delivery: 1\n\n{BODY}"
    answer = browser_of(ada).post("/webhooks/acme-gh/tester/", {"captured": text, "save": "1", "try": "1"})
    assert "custom" not in answer.context or answer.context["custom"] is None
    assert answer.context["tried"].is_valid


@pytest.mark.parametrize("who", ["ben", "cora"])
def test_who_may_not_change_it_tries_nothing(request, browser_of, endpoint, who):
    assert tried(browser_of(request.getfixturevalue(who)), captured=captured()).status_code == 404


CURL = """curl -sS -X POST 'https://x.example/hooks/a?b=1' \\
  -H 'Content-Type: application/json' -H "X-Signature: ab" --data-raw '{"a": 1}'"""


def test_a_curl_command_is_read():
    found = read_captured(CURL, url="http://localhost/hooks/own")
    assert (found.method, found.url, found.body) == ("POST", "http://localhost/hooks/own?b=1", b'{"a": 1}')
    assert found.header("x-signature") == b"ab"


@pytest.mark.parametrize(
    "text", ["", "hello", "curl", "curl 'open", "curl $'x'", "POST / HTTP/1.1\n\nbody", "A: b\nnot a header\n\n{}"]
)
def test_what_is_no_request_is_refused_in_words(text):
    with pytest.raises(BadCapture) as refused:
        read_captured(text, url="http://localhost/hooks/own")
    assert str(refused.value).endswith(".")


def test_a_header_that_came_twice_is_kept_twice():
    found = read_captured("A: 1\nA: 2\n\n{}", url="http://localhost/hooks/own")
    assert found.values("a") == (b"1", b"2")
