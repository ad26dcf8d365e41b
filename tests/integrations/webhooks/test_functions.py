"""The eight schemes with code of their own: whose key it is, what it covers, and what it must not be talked into."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace

import pytest

from integrations.webhooks.hosts import is_on_host
from integrations.webhooks.schemes.functions import aws_sns
from integrations.webhooks.schemes.registry import get_scheme
from integrations.webhooks.verify import Refused
from tests.integrations.webhooks import signing_by_key, signing_by_secret
from tests.integrations.webhooks.asking import ask, reason, request_of
from tests.integrations.webhooks.signer import NOW, URL, Made, mac, make
from tests.integrations.webhooks.signing_by_key import CERT_URL, TOPIC

pytestmark = pytest.mark.matrix  # no database: one engine is enough

SECRET = "a-shared-secret"
FORGED_HOSTS = (
    "https://sns.eu-central-1.amazonaws.com.evil.example/a.pem",
    "https://evil.example/sns.eu-central-1.amazonaws.com/a.pem",
    "https://sns.eu-central-1.amazonaws.com@evil.example/a.pem",
    "https://evil.example\\@sns.eu-central-1.amazonaws.com/a.pem",
    "https://sns.eu-central-1.amazonaws.com:8443/a.pem",
    "http://sns.eu-central-1.amazonaws.com/a.pem",
    "https://s3.eu-central-1.amazonaws.com/a.pem",
    "https://sns.eu-central-1.amazonaws.com/a.pem#@evil.example",
    "file:///etc/passwd.pem",
    "https://sns.s3-us-west-2.amazonaws.com/a.pem",
    "https://sns.s3.amazonaws.com/a.pem",
    "https://sns.eu-central-1.amazonaws.com/?Action=Publish&Message=a.pem",
    "https://sns.eu-central-1.amazonaws.com/a.pem?another=time",
    "https://sns.eu-central-1.amazonaws.com/a.pem?",
    "https://sns.eu-central-1.amazonaws.com./a.pem",
    "https://sns.eu-central-1.amazonaws.com/../a.pem",
    "https://sns.eu-central-\u0661.amazonaws.com/a.pem",
)


def signed_sns(**changes: str) -> Made:
    """Sign a notification with these fields as SNS does, whatever they are."""
    made = make("aws_sns")
    message = {**json.loads(made.body), **changes}
    names = ("Message", "MessageId", *(["Subject"] if "Subject" in message else []), "Timestamp", "TopicArn", "Type")
    message["Signature"] = signing_by_key.rsa_signature("".join(f"{n}\n{message[n]}\n" for n in names).encode())
    keys = {**made.public_keys, changes.get("SigningCertURL", CERT_URL): signing_by_key.certificate(0)}
    return replace(made, body=json.dumps(message).encode(), public_keys=keys)


def test_a_rightly_signed_message_of_another_topic_is_refused():
    """Every customer of AWS has messages signed by the same certificate."""
    assert reason("aws_sns", signed_sns(TopicArn=f"{TOPIC}-of-somebody")) == "mismatch"
    assert reason("aws_sns", signed_sns(), secrets=("not an ARN",)) == "no_secret"


def test_a_subject_is_signed_where_there_is_one():
    made = signed_sns(Subject="Hello")
    assert reason("aws_sns", made) == "valid"
    assert reason("aws_sns", replace(made, body=made.body.replace(b"Hello", b"Hallo"))) == "mismatch"


@pytest.mark.parametrize("address", FORGED_HOSTS)
def test_a_certificate_from_elsewhere_is_neither_used_nor_named_to_be_fetched(address):
    made = signed_sns(SigningCertURL=address)
    assert reason("aws_sns", made) == "malformed"
    functions = [proof.function for proof in get_scheme("aws_sns").proofs]
    assert functions == ["aws_sns"]
    with pytest.raises(Refused):
        key_urls("aws_sns")(request_of(made))


@pytest.mark.parametrize(
    "address",
    [
        "https://api.paypal.com.evil.example/cert",
        "https://evilpaypal.com/cert",
        "http://api.paypal.com/cert",
        "https://api.paypal.com:444/cert",
        "https://me@api.paypal.com/cert",
        "https://paypal.com/cert",
    ],
)
def test_a_certificate_of_paypals_comes_from_paypal(address):
    made = make("paypal")
    headers = tuple((name, address if name == "PAYPAL-CERT-URL" else value) for name, value in made.headers)
    forged = replace(made, headers=headers, public_keys={address: signing_by_key.certificate(0)})
    assert reason("paypal", forged) == "malformed"


def key_urls(name: str):
    from integrations.webhooks.schemes.functions import functions

    return functions()[name].key_urls


def test_the_key_to_fetch_is_named_by_the_request():
    assert key_urls("aws_sns")(request_of(make("aws_sns"))) == (CERT_URL,)
    assert key_urls("paypal")(request_of(make("paypal"))) == (signing_by_key.PAYPAL_CERT_URL,)
    assert get_scheme("aws_sns").needs_published_keys
    assert not get_scheme("stripe").needs_published_keys


@pytest.mark.parametrize("name", ["aws_sns", "paypal"])
def test_a_key_that_is_not_at_hand_is_a_refusal(name):
    assert reason(name, replace(make(name), public_keys={})) == "no_secret"
    assert reason(name, replace(make(name), public_keys=dict.fromkeys(make(name).public_keys, "no pem"))) == "no_secret"


def test_a_certificate_that_has_ended_is_a_refusal():
    made = make("aws_sns")
    assert reason("aws_sns", made, at=NOW + 40 * 86400) == "no_secret"


@pytest.mark.parametrize(("name", "place"), [("aws_sns", CERT_URL), ("paypal", signing_by_key.PAYPAL_CERT_URL)])
def test_a_certificate_may_stand_in_the_secret(name, place):
    made = make(name)
    pinned = f"{made.secret}\n{made.public_keys[place]}"
    assert reason(name, replace(made, public_keys={}), secrets=(pinned,)) == "valid"
    assert reason(name, made, secrets=(f"{made.secret}\n{signing_by_key.certificate(1)}",)) == "mismatch"


def test_paypals_algorithm_is_not_the_requests_to_choose():
    made = make("paypal")
    headers = tuple((n, "SHA1withRSA" if n == "PAYPAL-AUTH-ALGO" else v) for n, v in made.headers)
    assert reason("paypal", replace(made, headers=headers)) == "malformed"


@pytest.mark.parametrize(
    "address",
    [
        "https://www.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/anywhere/else",
        "https://api.paypal.com/v1/notifications/certs/../../x",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?n=2",
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
    ],
)
def test_paypals_certificate_is_where_paypal_keeps_them(address):
    made = make("paypal")
    headers = tuple((name, address if name == "PAYPAL-CERT-URL" else value) for name, value in made.headers)
    keys = {**made.public_keys, address: signing_by_key.certificate(0)}
    assert reason("paypal", replace(made, headers=headers, public_keys=keys)) == "malformed"


@pytest.mark.parametrize(
    ("audience", "told"),
    [
        (URL, "valid"),
        (f"{URL}/", "valid"),
        (["https://elsewhere.example/", URL], "valid"),
        ("https://elsewhere.example/hooks/acme", "wrong_url"),
        (["https://elsewhere.example/hooks/acme"], "wrong_url"),
        (f"{URL}-2", "wrong_url"),
    ],
)
def test_mondays_token_is_for_one_address(audience, told):
    token, written = signing_by_secret.jwt_hs256({"iat": NOW, "exp": NOW + 60, "aud": audience})
    assert reason("monday", Made(SECRET, written, (("Authorization", token),))) == told


def test_mondays_token_must_end():
    token, written = signing_by_secret.jwt_hs256({"iat": NOW})
    assert reason("monday", Made(SECRET, written, (("Authorization", token),))) == "missing"


def test_a_token_without_a_signature_or_by_another_algorithm_is_refused():
    claims = {"iat": NOW, "exp": NOW + 60}
    for algorithm in ("none", "None", "HS512", "RS256", ""):
        head = signing_by_secret.segment({"alg": algorithm})
        signed = f"{head}.{signing_by_secret.segment(claims)}"
        written = base64.urlsafe_b64encode(mac(SECRET, signed.encode())).decode().rstrip("=")
        for signature in (written, ""):
            made = Made(SECRET, written, (("Authorization", f"{signed}.{signature}"),))
            assert reason("monday", made) == "malformed"


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"iat": NOW, "exp": NOW - 1}, "stale"),
        ({"iat": NOW + 400, "exp": NOW + 900}, "future"),
        ({"nbf": NOW + 400, "exp": NOW + 900}, "future"),
        ({"iat": "soon", "exp": NOW + 60}, "malformed"),
        ({"iat": 1e300, "exp": NOW + 60}, "malformed"),
    ],
)
def test_a_token_holds_for_its_time(claims, told):
    token, written = signing_by_secret.jwt_hs256(claims)
    assert reason("monday", Made(SECRET, written, (("Authorization", token),))) == told


def atlassian(url: str, qsh_of: str, **claims: object) -> Made:
    told = {"exp": NOW + 60, "qsh": hashlib.sha256(qsh_of.encode()).hexdigest(), **claims}
    token, written = signing_by_secret.jwt_hs256({name: value for name, value in told.items() if value})
    return Made(SECRET, written, (("Authorization", f"JWT {token}"),), url=url)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        (URL, "POST&/hooks/acme&"),
        (f"{URL}/", "POST&/hooks/acme&"),
        (URL, "POST&/acme&"),
        (URL, "POST&/&"),
        (f"{URL}?b=2&a=1&a=0&jwt=", "POST&/hooks/acme&a=0,1&b=2"),
        (f"{URL}?q=a+b%2Ac~d%C3%BC", "POST&/hooks/acme&q=a%20b%2Ac~d%C3%BC"),
    ],
)
def test_atlassians_token_is_bound_to_the_address(url, canonical):
    assert reason("atlassian_connect", atlassian(url, canonical)) == "valid"
    assert reason("atlassian_connect", atlassian(f"{url}&x=1" if "?" in url else f"{url}?x=1", canonical)) == "mismatch"
    assert reason("atlassian_connect", replace(atlassian(url, canonical), method="GET")) == "mismatch"


def test_atlassians_token_names_its_end_and_its_address():
    assert reason("atlassian_connect", atlassian(URL, "POST&/hooks/acme&", exp=0)) == "missing"
    assert reason("atlassian_connect", atlassian(URL, "POST&/hooks/acme&", qsh="")) == "missing"
    assert reason("atlassian_connect", atlassian(URL, "POST&/hooks/acme&", qsh="context-qsh")) == "mismatch"


def test_plaids_token_is_fresh_both_ways_and_of_the_key_it_names():
    made = make("plaid")
    assert reason("plaid", made, at=NOW + 301) == "stale"
    assert reason("plaid", made, at=NOW - 301) == "future"
    assert reason("plaid", made, secrets=(signing_by_key.jwk(signing_by_key.p256_key(0), "k2"),)) == "no_secret"
    ended = made.secret.replace('"expired_at": null', f'"expired_at": {NOW}')
    assert reason("plaid", made, secrets=(ended,)) == "no_secret"


def test_plaids_key_comes_as_a_set_as_an_answer_or_as_pem():
    made = make("plaid")
    for secret in (
        f'{{"keys":[{made.secret}]}}',
        f'{{"key":{made.secret}}}',
        signing_by_key.pem(signing_by_key.p256_key(0)),
    ):
        assert reason("plaid", made, secrets=(secret,)) == "valid"


def adyen(*items: dict[str, object]) -> Made:
    body = json.dumps({"notificationItems": [{"NotificationRequestItem": item} for item in items]}).encode()
    return replace(make("adyen_payload"), body=body)


def test_every_item_of_adyen_needs_a_right_signature():
    (wrapped,) = json.loads(make("adyen_payload").body)["notificationItems"]
    good = wrapped["NotificationRequestItem"]
    bad = {**good, "amount": {"value": 1, "currency": "EUR"}}
    bare = {name: value for name, value in good.items() if name != "additionalData"}
    assert reason("adyen_payload", adyen(good)) == "valid"
    assert reason("adyen_payload", adyen(good, bad)) == "mismatch"
    assert reason("adyen_payload", adyen(good, bare)) == "missing"
    assert reason("adyen_payload", adyen(good, good)) == "doubled"
    assert reason("adyen_payload", adyen()) == "missing"


def contentful(names: str, *headers: tuple[str, str], url: str = URL, path: str = "/hooks/acme") -> Made:
    sent = (("x-contentful-signed-headers", names), *headers)
    values = dict(sent)
    lines = ";".join(f"{name}:{values.get(name, '')}" for name in sorted(names.split(",")))
    body = b"{}"
    written = mac(SECRET, f"POST\n{path}\n{lines}\n".encode() + body).hex()
    return Made(SECRET, written, (("x-contentful-signature", written), *sent), body, url=url)


STAMP = ("x-contentful-timestamp", str(NOW * 1000))
BOTH = "x-contentful-signed-headers,x-contentful-timestamp"


def test_contentful_must_sign_its_time_and_its_list_of_headers():
    assert reason("contentful", contentful(BOTH, STAMP)) == "valid"
    assert reason("contentful", contentful("x-contentful-timestamp", STAMP)) == "malformed"
    assert reason("contentful", contentful("x-contentful-signed-headers", STAMP)) == "malformed"
    assert reason("contentful", contentful(f"{BOTH},x-crn", STAMP)) == "missing"
    assert reason("contentful", contentful(f"{BOTH},x-contentful-timestamp", STAMP)) == "doubled"


def test_contentful_signs_the_path_and_the_query_as_its_toolkit_writes_them():
    made = contentful(BOTH, STAMP, url=f"{URL}?a=b c", path="/hooks/acme?a%253Db%2520c")
    assert reason("contentful", made) == "valid"


def test_a_message_of_salesforce_names_one_organization_and_no_document_type():
    made = make("salesforce_outbound")
    said = ask("salesforce_outbound", made)
    assert said.event_id.startswith("04l")
    assert not said.is_id_signed
    doctype = made.body.replace(b"<soapenv:Env", b'<!DOCTYPE a [<!ENTITY b "c">]><soapenv:Env', 1)
    assert reason("salesforce_outbound", replace(made, body=doctype)) == "malformed"
    elsewhere = made.body.replace(b"http://soap.sforce.com/2005/09/outbound", b"http://evil.example/")
    assert reason("salesforce_outbound", replace(made, body=elsewhere)) == "missing"
    assert reason("salesforce_outbound", replace(made, body=made.body[:-5])) == "malformed"


@pytest.mark.parametrize(
    "address", [*FORGED_HOSTS, "", "https://", "https://[::1", "https://sns.eu-central-1.amazonaws.com\n/"]
)
def test_an_address_that_two_readers_might_read_differently_is_nobodys(address):
    assert not is_on_host(address, aws_sns.HOSTS, path=aws_sns.PATH)
