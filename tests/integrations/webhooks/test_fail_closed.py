"""What is missing, doubled or unreadable is a refusal, one by one, whatever the rest of the request says."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from integrations.webhooks.schemes.registry import custom_scheme, get_scheme
from integrations.webhooks.verify import Refused, verify
from secrets_vault.secret import Secret
from tests.integrations.webhooks import signing_by_key, signing_by_secret
from tests.integrations.webhooks.asking import ask as asked
from tests.integrations.webhooks.asking import moment, reason, request_of
from tests.integrations.webhooks.signer import NOW, URL, WHSEC, Made, b64, mac, make

pytestmark = pytest.mark.matrix  # no database: one engine is enough

assert signing_by_key
TIMED_BY_HEADER = {
    "slack": "X-Slack-Request-Timestamp",
    "svix": "svix-timestamp",
    "zendesk": "X-Zendesk-Webhook-Signature-Timestamp",
    "hubspot_v3": "X-HubSpot-Request-Timestamp",
    "discord": "X-Signature-Timestamp",
    "contentful": "x-contentful-timestamp",
}


def without(made: Made, name: str) -> Made:
    return replace(made, headers=tuple(pair for pair in made.headers if pair[0] != name))


def with_header(made: Made, name: str, value: str) -> Made:
    return replace(made, headers=(*without(made, name).headers, (name, value)))


def twice(made: Made, name: str) -> Made:
    return replace(made, headers=(*made.headers, *(pair for pair in made.headers if pair[0] == name)))


@pytest.mark.parametrize(("name", "header"), TIMED_BY_HEADER.items())
def test_a_missing_or_doubled_time_is_refused(name, header):
    made = make(name)
    assert reason(name, without(made, header)) == "missing"
    assert reason(name, with_header(made, header, "")) in ("missing", "mismatch")
    assert reason(name, twice(made, header)) == "doubled"


@pytest.mark.parametrize("name", ["stripe", "paddle", "workos"])
def test_a_missing_or_doubled_time_in_a_list_is_refused(name):
    made = make(name)
    ((header, line),) = made.headers
    first, between, rest = line.partition(";" if name == "paddle" else ",")
    assert reason(name, replace(made, headers=((header, rest),))) == "missing"
    assert reason(name, replace(made, headers=((header, first + between + line),))) == "doubled"


def test_a_missing_or_doubled_signed_id_is_refused():
    made = make("svix")
    assert reason("svix", without(made, "svix-id")) == "missing"
    assert reason("svix", twice(made, "svix-id")) == "doubled"
    assert reason("svix", with_header(made, "svix-id", "msg_2")) == "mismatch"


def test_an_unsigned_id_may_be_missing_but_not_doubled():
    made = make("github")
    assert asked("github", without(made, "X-GitHub-Delivery")).event_id is None
    assert reason("github", twice(made, "X-GitHub-Delivery")) == "doubled"
    assert reason("github", with_header(made, "X-GitHub-Delivery", "\xe9")) == "malformed"


@pytest.mark.parametrize(
    "stamp", ["1_790000000", "1.5", "-1", "+1790000000", " 1", "1e9", "٣", "9" * 16, "0x10", "now", "1790000000s"]
)
def test_a_time_that_is_no_whole_number_is_malformed(stamp):
    body = make("slack").body
    written = mac("a-shared-secret", b"v0:" + stamp.encode() + b":" + body).hex()
    try:
        headers = (("X-Slack-Signature", f"v0={written}"), ("X-Slack-Request-Timestamp", stamp))
        assert reason("slack", Made("a-shared-secret", written, headers, body)) in ("malformed", "mismatch")
    except UnicodeEncodeError:
        assert not stamp.isascii()


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-09-21",
        "2026-09-21T14:13:20",
        "2026-W39-1T14:13:20Z",
        "20260921T141320Z",
        "2026-13-21T14:13:20Z",
        "1790000000",
    ],
)
def test_an_iso_time_needs_its_zone_and_its_form(stamp):
    body = make("zendesk").body
    written = b64(mac("a-shared-secret", stamp.encode() + body))
    headers = (("X-Zendesk-Webhook-Signature", written), ("X-Zendesk-Webhook-Signature-Timestamp", stamp))
    assert reason("zendesk", Made("a-shared-secret", written, headers, body)) == "malformed"


def test_a_time_that_is_not_signed_proves_nothing_and_is_not_asked():
    made = with_header(make("linear"), "Linear-Timestamp", "1")
    assert reason("linear", made) == "valid"


def test_several_signatures_in_a_list_need_one_right_one():
    made = make("stripe")
    ((header, line),) = made.headers
    wrong = "0" * 64
    for changed in (f"{line},v1={wrong}", line.replace("v1=", f"v1={wrong},v1="), f"{line},v0={wrong},v9=x"):
        assert reason("stripe", replace(made, headers=((header, changed),))) == "valid"
    assert reason("stripe", replace(made, headers=((header, line.replace("v1=", "v0=")),))) == "missing"


def test_a_doubled_signature_is_refused_whatever_stands_beside_it():
    made = make("box")
    assert made.headers[0][0] == "BOX-SIGNATURE-PRIMARY"
    both = replace(made, headers=(("BOX-SIGNATURE-SECONDARY", made.written), *made.headers))
    assert reason("box", both) == "valid"
    assert reason("box", with_header(both, "BOX-SIGNATURE-PRIMARY", b64(bytes(32)))) == "valid"
    assert reason("box", twice(both, "BOX-SIGNATURE-PRIMARY")) == "doubled"


def test_more_signatures_than_any_sender_makes_are_refused_unread():
    made = make("stripe")
    ((header, line),) = made.headers
    assert reason("stripe", replace(made, headers=((header, line + f",v1={'0' * 64}" * 100),))) == "malformed"


def test_a_signature_of_another_version_is_passed_over_in_a_list():
    made = make("standard_webhooks")
    others = with_header(made, "webhook-signature", f"v1a,AAAA v1,{made.written} v2,{made.written}")
    assert reason("standard_webhooks", others) == "valid"
    assert reason("standard_webhooks", with_header(made, "webhook-signature", f"v2,{made.written}")) == "malformed"


def test_standard_webhooks_with_a_public_key():
    key = signing_by_key.ed25519_key(0)
    public = "whpk_" + b64(signing_by_key.raw_public(key))
    made = make("standard_webhooks")
    written = b64(key.sign(f"msg_1.{NOW}.".encode() + made.body))
    signed = with_header(replace(made, secret=public), "webhook-signature", f"v1a,{written}")
    assert reason("standard_webhooks", signed) == "valid"
    assert reason("standard_webhooks", signed, secrets=(public.removeprefix("whpk_"),)) == "malformed"


def test_a_public_key_is_never_taken_for_a_shared_secret():
    """Everybody knows the public key, and could sign with it."""
    public = "whpk_" + b64(signing_by_key.raw_public(signing_by_key.ed25519_key(0)))
    key = base64.b64decode(public.removeprefix("whpk_"))
    made = make("standard_webhooks")
    written = b64(mac(key, f"msg_1.{NOW}.".encode() + made.body))
    forged = with_header(replace(made, secret=public), "webhook-signature", f"v1,{written}")
    assert reason("standard_webhooks", forged) == "malformed"


@pytest.mark.parametrize("secret", ["whsec_", "whsec_not base64!", "whsec_é", "whpk_AAAA", "not-base64-either!"])
def test_a_secret_in_no_form_of_the_scheme_is_no_secret(secret):
    assert reason("svix", make("svix"), secrets=(secret,)) == "no_secret"


def test_a_secret_with_and_without_its_prefix_is_the_same_secret():
    assert reason("svix", make("svix"), secrets=(WHSEC.removeprefix("whsec_"),)) == "valid"
    assert reason("stripe", make("stripe"), secrets=("whsec_" + make("stripe").secret,)) == "mismatch"


@pytest.mark.parametrize(
    ("registered", "told"),
    [
        (f"{URL}/", "wrong_url"),
        (URL.replace("https", "http"), "wrong_url"),
        (f"{URL}?team=1", "wrong_url"),
        ("https://other.example/hooks/acme", "mismatch"),
        (f"{URL}2", "mismatch"),
    ],
)
@pytest.mark.parametrize("name", ["square", "trello", "mandrill", "twilio_form", "hubspot_v2"])
def test_the_registered_address_is_what_is_signed(name, registered, told):
    assert reason(name, replace(make(name), url=registered)) == told


@pytest.mark.parametrize("url", [f"{URL}?a=1", f"{URL}?a=1".replace(".example", ".example:443")])
def test_twilio_may_have_signed_the_address_with_its_port_or_without(url):
    body = signing_by_secret.FORM_BODY
    written = b64(mac("a-shared-secret", (url + signing_by_secret.form_text(body)).encode(), "sha1"))
    for registered in (f"{URL}?a=1", f"{URL}?a=1".replace(".example", ".example:443")):
        made = Made("a-shared-secret", written, (("X-Twilio-Signature", written),), body, url=registered)
        assert reason("twilio_form", made) == "valid"


def test_twilio_names_its_hash_among_two():
    body = signing_by_secret.FORM_BODY
    written = b64(mac("a-shared-secret", (URL + signing_by_secret.form_text(body)).encode(), "sha256"))
    made = Made("a-shared-secret", written, (("X-Twilio-Signature", written),), body)
    settings = "X-Twilio-Webhooks-Signature-Settings"
    assert reason("twilio_form", with_header(made, settings, "key=k,algorithm=HMAC_SHA256")) == "valid"
    assert reason("twilio_form", with_header(made, settings, "key=k,algorithm=HMAC_SHA1")) == "mismatch"
    assert reason("twilio_form", with_header(made, settings, "key=k,algorithm=MD5")) == "malformed"
    assert reason("twilio_form", made) == "mismatch"


def test_a_form_is_signed_sorted_with_its_blanks_and_a_value_given_twice_once():
    body = b"b=2&a=1&a=1&c=&%C3%A9=%C3%BC"
    written = b64(mac("a-shared-secret", (URL + "a1b2céü").encode(), "sha1"))
    made = Made("a-shared-secret", written, (("X-Twilio-Signature", written),), body)
    assert reason("twilio_form", made) == "valid"
    assert reason("twilio_form", replace(made, body=body + b"&d=1")) == "mismatch"
    assert reason("twilio_form", replace(made, body=b"&".join([b"a=1"] * 2000))) == "malformed"


def test_a_body_that_is_signed_by_its_hash_alone_needs_the_hash():
    made = make("twilio_json")
    bare = Made("a-shared-secret", written := b64(mac("a-shared-secret", URL.encode(), "sha1")))
    assert reason("twilio_json", replace(bare, headers=(("X-Twilio-Signature", written),))) == "missing"
    assert reason("twilio_json", replace(made, body=b"{}")) == "mismatch"
    assert reason("twilio_json", replace(made, url=made.url + "&bodySHA256=00")) == "doubled"


def test_hubspot_may_have_signed_the_address_decoded():
    url = "https://keylodge.example/hooks/acme?next=a%3Ab%2Fc"
    made = make("hubspot_v3")
    for signed in (url, "https://keylodge.example/hooks/acme?next=a:b/c"):
        written = b64(mac("a-shared-secret", b"POST" + signed.encode() + made.body + str(NOW * 1000).encode()))
        changed = with_header(replace(made, url=url), "X-HubSpot-Signature-v3", written)
        assert reason("hubspot_v3", changed) == "valid"


def test_another_version_of_a_scheme_is_refused():
    assert reason("hubspot_v1", with_header(make("hubspot_v1"), "X-HubSpot-Signature-Version", "v2")) == "malformed"


def test_a_length_extension_of_a_plain_digest_is_another_body():
    """A sender who has SHA-256 of secret and body can go on hashing, and has it of secret, body, padding and more."""
    made = make("hubspot_v1")
    hashed = len(made.secret) + len(made.body)
    padding = b"\x80" + bytes((55 - hashed) % 64) + (8 * hashed).to_bytes(8, "big")
    longer = made.body + padding + b'{"eventId":2}'
    written = hashlib.sha256(made.secret.encode() + longer).hexdigest()
    assert (hashed + len(padding)) % 64 == 0
    assert reason("hubspot_v1", replace(with_header(made, "X-HubSpot-Signature", written), body=longer)) == "malformed"


def test_mailguns_token_is_the_signed_id_whatever_payload_comes_with_it():
    made = make("mailgun")
    first, second = (
        asked("mailgun", made),
        asked("mailgun", replace(made, body=made.body.replace(b"opened", b"forged"))),
    )
    assert (first.event_id, first.is_id_signed) == ("ae46dc1b54cbd1a8", True)
    assert (second.event_id, second.replay_digest) == (first.event_id, first.replay_digest)


def test_a_name_given_twice_in_the_json_that_proves_is_doubled():
    made = make("mailgun")
    token = b'"token": "ae46dc1b54cbd1a8"'
    assert reason("mailgun", replace(made, body=made.body.replace(token, token + b", " + token))) == "doubled"
    assert reason("mailgun", replace(made, body=b'{"signature": {}, ' + made.body[1:])) == "valid"
    assert reason("mailgun", replace(made, body=b"[" * 100_000)) == "malformed"


SHOWN = "a-shared-secret"


@pytest.mark.parametrize(
    ("headers", "query", "told"),
    [
        ((("Authorization", f"Bearer {SHOWN}"),), "", "valid"),
        ((("Authorization", f"Basic {b64(b'anyone:' + SHOWN.encode())}"),), "", "valid"),
        ((("X-Webhook-Token", SHOWN),), "", "valid"),
        ((("My-Secret", SHOWN),), "", "valid"),
        ((), f"?key={SHOWN}", "valid"),
        ((("Authorization", f"Bearer {SHOWN}"),), "?tag=a&tag=b", "valid"),
        ((("Authorization", f"Bearer {SHOWN}2"),), "", "mismatch"),
        ((("Authorization", f"Basic {b64(SHOWN.encode())}"),), "", "mismatch"),
        ((("Authorization", f"bearer {SHOWN}"),), "", "malformed"),
        ((("User-Agent", SHOWN),), "", "missing"),
        ((("X-Forwarded-For", SHOWN),), "", "missing"),
        ((("X-Token", SHOWN), ("X-Token", SHOWN)), "", "doubled"),
        ((("Authorization", f"Bearer {SHOWN}"),) * 2, "", "doubled"),
        ((), f"?key={SHOWN}&key={SHOWN}", "doubled"),
        ((), "", "missing"),
    ],
)
def test_a_secret_that_is_shown_may_stand_where_senders_put_it_and_once(headers, query, told):
    assert reason("basic_or_url_secret", Made(SHOWN, SHOWN, headers, url=URL + query)) == told


def test_a_user_and_password_are_compared_whole_where_both_are_stored():
    made = make("pipedrive")
    assert reason("pipedrive", made, secrets=("other:a-password",)) == "mismatch"
    assert reason("pipedrive", made, secrets=("a-password",)) == "valid"


def test_every_item_of_graph_must_carry_the_client_state():
    secret = "a-shared-secret"
    good, bad, bare = f'{{"clientState":"{secret}"}}', '{"clientState":"x"}', '{"resource":"r"}'
    for items, told in (((good, good), "valid"), ((good, bad), "mismatch"), ((good, bare), "missing"), ((), "missing")):
        body = f'{{"value":[{",".join(items)}]}}'.encode()
        assert reason("microsoft_graph", Made(secret, secret, (), body)) == told


def test_the_twin_of_an_ecdsa_signature_has_the_same_digest():
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    made = make("sendgrid_ecdsa")
    r, s = decode_dss_signature(base64.b64decode(made.written))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    twin = b64(encode_dss_signature(r, order - s))
    copy = with_header(made, "X-Twilio-Email-Event-Webhook-Signature", twin)
    assert twin != made.written
    assert asked("sendgrid_ecdsa", copy).replay_digest == asked("sendgrid_ecdsa", made).replay_digest


def test_events_that_gitlab_counts_to_one_chain_are_events_of_their_own():
    """X-Gitlab-Event-UUID is the same for every webhook that another webhook set off."""
    made = make("gitlab_token")
    chain = replace(made, headers=(*made.headers, ("X-Gitlab-Event-UUID", "one-for-all")))
    first = asked("gitlab_token", with_header(chain, "Idempotency-Key", "1"))
    second = asked("gitlab_token", with_header(chain, "Idempotency-Key", "2"))
    assert (first.event_id, second.event_id) == ("1", "2")
    assert asked("gitlab_token", without(chain, "Idempotency-Key")).event_id is None


def test_the_digest_is_of_what_is_signed():
    made = make("github")
    assert asked("github", made).replay_digest == hashlib.sha256(made.body).digest()


LONG = b'{"a":[' + b",".join([b'{"b":1}'] * 400_000) + b"]}"


@pytest.mark.parametrize("name", ["mailgun", "microsoft_graph", "aws_sns", "adyen_payload", "salesforce_outbound"])
def test_a_long_body_is_not_read_to_find_the_signature_in_it(name):
    request = request_of(replace(make(name), body=LONG))
    secrets = [Secret(make(name).secret)]
    with pytest.raises(Refused, match="more than 2097152 bytes"):
        verify(request, get_scheme(name), secrets, now=moment(NOW))
    assert "document" not in vars(request)


@pytest.mark.parametrize("name", ["notion", "monday", "woocommerce"])
def test_a_long_body_is_not_read_to_find_a_handshake_in_it(name):
    request = request_of(Made("", "", (), LONG))
    with pytest.raises(Refused):
        verify(request, get_scheme(name), [], now=moment(NOW))
    assert "document" not in vars(request)


def test_a_long_body_that_is_signed_from_outside_is_read_once_it_is_proven():
    assert asked("stripe", make("stripe", b'{"id":"evt_1","d":"' + b"x" * 3_000_000 + b'"}')).event_id == "evt_1"


@pytest.mark.parametrize("name", ["contentful", "atlassian_connect", "hubspot_v2", "github"])
def test_a_method_or_an_address_that_nobody_can_write_is_refused(name):
    assert reason(name, replace(make(name), method="\ud800")) == "malformed"
    assert reason(name, replace(make(name), url=f"{URL}?\ud800")) == "wrong_url"


def test_no_refusal_names_the_secret_or_the_body():
    made = make("stripe")
    with pytest.raises(Refused) as refused:
        asked("stripe", made, secrets=("another-secret-of-ours",))
    assert "another-secret" not in str(refused.value)
    assert "evt_1" not in str(refused.value)


def test_an_id_that_no_column_holds_becomes_its_hash():
    scheme = custom_scheme(
        {"proofs": [{"kind": "hmac", "signature": "header:X-S", "signed": "{body}"}], "id": {"places": ["json:id"]}}
    )
    for given in ("a" * 300, "a\\u0000b", "line\\nbreak"):
        body = f'{{"id":"{given}"}}'.encode()
        made = Made("k", written := mac("k", body).hex(), (("X-S", written),), body)
        assert verify(request_of(made), scheme, [Secret("k")], now=moment(NOW)).event_id.startswith("sha256:")
