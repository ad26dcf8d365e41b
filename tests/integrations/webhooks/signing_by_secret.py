"""How the vendors sign with a shared secret, or show it; written from their pages, not from our verifier."""

from __future__ import annotations

import base64
import hashlib
import json
from urllib.parse import parse_qsl, quote

from tests.integrations.webhooks.signer import (
    FORM_BODY,
    URL,
    Made,
    b64,
    iso,
    listed,
    mac,
    milliseconds,
    over_body,
    signs,
    stamped,
    standard,
)

SECRET, OTHER = "a-shared-secret", "other-secret-1"
HEX_SECRET, OTHER_HEX = "44782DEF547AAA06C910C43932B1EB0C", "00112233445566778899AABBCCDDEEFF"
B64_SECRET, OTHER_B64 = b64(b"a key of some bytes"), b64(b"another key of some")

for name in (
    "standard_webhooks",
    "gitlab_signing_token",
    "openai",
    "replicate",
    "render",
    "loops",
    "recall_ai",
    "fathom",
    "brex",
):
    standard(name)
for name in ("svix", "resend", "clerk"):
    standard(name, "svix")

listed("stripe", "Stripe-Signature", "t={t},v1={s}", ".")
listed("paddle", "Paddle-Signature", "ts={t};h1={s}", ":")
listed("calendly", "Calendly-Webhook-Signature", "t={t},v1={s}", ".")
listed("workos", "WorkOS-Signature", "t={t}, v1={s}", ".", ms=True)
listed("elevenlabs", "ElevenLabs-Signature", "t={t},v0={s}", ".")
listed(
    "sanity",
    "sanity-webhook-signature",
    "t={t},v1={s}",
    ".",
    ms=True,
    writes=lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="),
)

over_body("github", "X-Hub-Signature-256", prefix="sha256=", unsigned_id="X-GitHub-Delivery")
over_body("shopify", "X-Shopify-Hmac-SHA256", writes=b64, unsigned_id="X-Shopify-Webhook-Id")
over_body("typeform", "Typeform-Signature", writes=b64, prefix="sha256=")
over_body("intercom", "X-Hub-Signature", algorithm="sha1", prefix="sha1=")
over_body("asana", "X-Hook-Signature")
over_body("notion", "X-Notion-Signature", prefix="sha256=")
over_body("xero", "x-xero-signature", writes=b64)
over_body("quickbooks", "intuit-signature", writes=b64)
over_body("docusign", "X-DocuSign-Signature-1", writes=b64)
over_body("dropbox", "X-Dropbox-Signature")
over_body("meta", "X-Hub-Signature-256", prefix="sha256=")
over_body(
    "airtable",
    "X-Airtable-Content-MAC",
    prefix="hmac-sha256=",
    key=base64.b64decode,
    secret=B64_SECRET,
    other=OTHER_B64,
)
over_body("jira", "X-Hub-Signature", prefix="sha256=", unsigned_id="X-Atlassian-Webhook-Identifier")
over_body("woocommerce", "X-WC-Webhook-Signature", writes=b64, unsigned_id="X-WC-Webhook-Delivery-ID")
over_body("tally", "Tally-Signature", writes=b64)
over_body("calcom", "X-Cal-Signature-256")
over_body("lemonsqueezy", "X-Signature")
over_body("clickup", "X-Signature")
over_body("gocardless", "Webhook-Signature")
over_body("razorpay", "X-Razorpay-Signature", unsigned_id="x-razorpay-event-id")
over_body("line", "X-Line-Signature", writes=b64)
over_body("adyen_header", "HmacSignature", writes=b64, key=bytes.fromhex, secret=HEX_SECRET, other=OTHER_HEX)
over_body("helpscout", "X-HelpScout-Signature", algorithm="sha1", writes=b64)
over_body("attio", "Attio-Signature")
over_body("pagerduty", "X-PagerDuty-Signature", prefix="v1=")
over_body("vercel", "x-vercel-signature", algorithm="sha1")
over_body("sentry", "sentry-hook-signature")
over_body("x_twitter", "x-twitter-webhooks-signature", writes=b64, prefix="sha256=")
over_body(
    "microsoft_teams_outgoing",
    "Authorization",
    writes=b64,
    prefix="HMAC ",
    key=base64.b64decode,
    secret=B64_SECRET,
    other=OTHER_B64,
)

stamped(
    "slack", "X-Slack-Signature", "X-Slack-Request-Timestamp", lambda t, b: b"v0:" + t.encode() + b":" + b, prefix="v0="
)
stamped("zoom", "x-zm-signature", "x-zm-request-timestamp", lambda t, b: b"v0:" + t.encode() + b":" + b, prefix="v0=")
stamped("customerio", "X-CIO-Signature", "X-CIO-Timestamp", lambda t, b: b"v0:" + t.encode() + b":" + b)
stamped(
    "zendesk",
    "X-Zendesk-Webhook-Signature",
    "X-Zendesk-Webhook-Signature-Timestamp",
    lambda t, b: t.encode() + b,
    stamp=iso,
    writes=b64,
    unsigned_id="X-Zendesk-Webhook-Invocation-Id",
)
stamped(
    "hubspot_v3",
    "X-HubSpot-Signature-v3",
    "X-HubSpot-Request-Timestamp",
    lambda t, b: b"POST" + URL.encode() + b + t.encode(),
    stamp=milliseconds,
    writes=b64,
)
stamped("webflow", "x-webflow-signature", "x-webflow-timestamp", lambda t, b: t.encode() + b":" + b, stamp=milliseconds)
stamped(
    "front",
    "X-Front-Signature",
    "X-Front-Request-Timestamp",
    lambda t, b: t.encode() + b":" + b,
    stamp=milliseconds,
    writes=b64,
)
stamped("box", "BOX-SIGNATURE-PRIMARY", "BOX-DELIVERY-TIMESTAMP", lambda t, b: b + t.encode(), stamp=iso, writes=b64)
stamped(
    "close_crm",
    "close-sig-hash",
    "close-sig-timestamp",
    lambda t, b: t.encode() + b,
    key=bytes.fromhex,
    secret=HEX_SECRET,
    other=OTHER_HEX,
)


@signs("hubspot_v1")
def hubspot_v1(body: bytes, now: float) -> Made:
    written = hashlib.sha256(SECRET.encode() + body).hexdigest()
    headers = (("X-HubSpot-Signature", written), ("X-HubSpot-Signature-Version", "v1"))
    return Made(SECRET, written, headers, body, now=now, other_secret=OTHER)


@signs("hubspot_v2")
def hubspot_v2(body: bytes, now: float) -> Made:
    written = hashlib.sha256(SECRET.encode() + b"POST" + URL.encode() + body).hexdigest()
    headers = (("X-HubSpot-Signature", written), ("X-HubSpot-Signature-Version", "v2"))
    return Made(SECRET, written, headers, body, now=now, other_secret=OTHER)


@signs("linear")
def linear(body: bytes, now: float) -> Made:
    body = body.removesuffix(b"}") + (b'"webhookTimestamp":%d}' if body == b"{}" else b',"webhookTimestamp":%d}') % int(
        now * 1000
    )
    written = mac(SECRET, body).hex()
    headers = (("Linear-Signature", written), ("Linear-Delivery", "id-1"))
    return Made(SECRET, written, headers, body, now=now, unsigned_id="Linear-Delivery", other_secret=OTHER)


@signs("mailgun")
def mailgun(body: bytes, now: float) -> Made:
    stamp, token = str(int(now)), "ae46dc1b54cbd1a8"
    written = mac(SECRET, (stamp + token).encode()).hex()
    told = {"timestamp": stamp, "token": token, "signature": written}
    return Made(
        SECRET,
        written,
        (),
        json.dumps({"signature": told, "event-data": {"event": "opened"}}).encode(),
        now=now,
        other_secret=OTHER,
    )


@signs("square")
def square(body: bytes, now: float) -> Made:
    written = b64(mac(SECRET, URL.encode() + body))
    return Made(SECRET, written, (("x-square-hmacsha256-signature", written),), body, now=now, other_secret=OTHER)


@signs("trello")
def trello(body: bytes, now: float) -> Made:
    written = b64(mac(SECRET, body + URL.encode(), "sha1"))
    return Made(SECRET, written, (("X-Trello-Webhook", written),), body, now=now, other_secret=OTHER)


def form_text(body: bytes) -> str:
    return "".join(name + value for name, value in sorted(parse_qsl(body.decode(), keep_blank_values=True)))


@signs("twilio_form")
def twilio_form(body: bytes, now: float) -> Made:
    body = body if b"=" in body else FORM_BODY
    written = b64(mac(SECRET, (URL + form_text(body)).encode(), "sha1"))
    return Made(SECRET, written, (("X-Twilio-Signature", written),), body, now=now, other_secret=OTHER)


@signs("twilio_json")
def twilio_json(body: bytes, now: float) -> Made:
    url = f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    written = b64(mac(SECRET, url.encode(), "sha1"))
    return Made(SECRET, written, (("X-Twilio-Signature", written),), body, url=url, now=now, other_secret=OTHER)


@signs("mandrill")
def mandrill(body: bytes, now: float) -> Made:
    body = body if b"=" in body else b"mandrill_events=" + quote(body).encode()
    written = b64(mac(SECRET, (URL + form_text(body)).encode(), "sha1"))
    return Made(SECRET, written, (("X-Mandrill-Signature", written),), body, now=now, other_secret=OTHER)


@signs("pandadoc")
def pandadoc(body: bytes, now: float) -> Made:
    written = mac(SECRET, body).hex()
    return Made(SECRET, written, (), body, url=f"{URL}?signature={written}", now=now, other_secret=OTHER)


@signs("adyen_payload")
def adyen_payload(body: bytes, now: float) -> Made:
    item = {
        "pspReference": hashlib.sha256(body).hexdigest()[:16],
        "merchantAccountCode": "Acme",
        "merchantReference": "order 1",
        "amount": {"value": 1130, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
    }
    text = f"{item['pspReference']}::Acme:order 1:1130:EUR:AUTHORISATION:true"
    written = b64(mac(bytes.fromhex(HEX_SECRET), text.encode()))
    item["additionalData"] = {"hmacSignature": written}
    whole = {"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}
    return Made(HEX_SECRET, written, (), json.dumps(whole).encode(), now=now, other_secret=OTHER_HEX)


@signs("contentful")
def contentful(body: bytes, now: float) -> Made:
    stamp = milliseconds(now)
    names = "x-contentful-signed-headers,x-contentful-space-id,x-contentful-timestamp"
    listed_headers = f"x-contentful-signed-headers:{names};x-contentful-space-id:s1;x-contentful-timestamp:{stamp}"
    written = mac(SECRET, f"POST\n/hooks/acme\n{listed_headers}\n".encode() + body).hex()
    headers = (
        ("x-contentful-signature", written),
        ("x-contentful-signed-headers", names),
        ("x-contentful-space-id", "s1"),
        ("x-contentful-timestamp", stamp),
    )
    return Made(SECRET, written, headers, body, now=now, other_secret=OTHER)


def shown(name: str, header: str, *, prefix: str = "", unsigned_id: str = "") -> None:
    """Declare a scheme that sends the secret itself in a header."""

    def signer(body: bytes, now: float) -> Made:
        ids = ((unsigned_id, "id-1"),) if unsigned_id else ()
        headers = ((header, prefix + SECRET), *ids)
        return Made(SECRET, SECRET, headers, body, now=now, prefix=prefix, unsigned_id=unsigned_id, other_secret=OTHER)

    signs(name)(signer)


shown("gitlab_token", "X-Gitlab-Token", unsigned_id="Idempotency-Key")
shown("telegram", "X-Telegram-Bot-Api-Secret-Token")
shown("okta", "Authorization")
shown("basic_or_url_secret", "Authorization", prefix="Bearer ")


@signs("google_channel")
def google_channel(body: bytes, now: float) -> Made:
    headers = (("X-Goog-Channel-Token", SECRET), ("X-Goog-Channel-ID", "c1"), ("X-Goog-Message-Number", "7"))
    return Made(SECRET, SECRET, headers, body, now=now, other_secret=OTHER)


@signs("pipedrive")
def pipedrive(body: bytes, now: float) -> Made:
    written = b64(b"acme:a-password")
    headers = (("Authorization", f"Basic {written}"),)
    return Made("acme:a-password", written, headers, body, now=now, prefix="Basic ", other_secret="acme:another")


@signs("microsoft_graph")
def microsoft_graph(body: bytes, now: float) -> Made:
    told = {"value": [{"clientState": SECRET, "changeType": "created", "resource": hashlib.sha256(body).hexdigest()}]}
    return Made(SECRET, SECRET, (), json.dumps(told).encode(), now=now, other_secret=OTHER)


for name in ("mailchimp_marketing", "activecampaign", "gumroad"):

    @signs(name)
    def in_address(body: bytes, now: float) -> Made:
        return Made(SECRET, SECRET, (), body, url=f"{URL}?secret={SECRET}", now=now, other_secret=OTHER)


@signs("salesforce_outbound")
def salesforce_outbound(body: bytes, now: float) -> Made:
    organization = "00D000000000001EAA"
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
        '<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{organization}</OrganizationId><Notification><Id>04l{hashlib.sha256(body).hexdigest()[:15]}</Id>"
        "</Notification></notifications></soapenv:Body></soapenv:Envelope>"
    )
    return Made(organization, organization, (), xml.encode(), now=now, other_secret="00D000000000002EAA")


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def jwt_hs256(claims: dict[str, object]) -> tuple[str, str]:
    """Return a token, and its signature alone."""
    signed = f"{segment({'alg': 'HS256', 'typ': 'JWT'})}.{segment(claims)}"
    written = base64.urlsafe_b64encode(mac(SECRET, signed.encode())).decode().rstrip("=")
    return f"{signed}.{written}", written


@signs("monday")
def monday(body: bytes, now: float) -> Made:
    token, written = jwt_hs256({"accountId": 1, "iat": int(now), "exp": int(now) + 300})
    return Made(SECRET, written, (("Authorization", token),), body, now=now, other_secret=OTHER)


@signs("atlassian_connect")
def atlassian_connect(body: bytes, now: float) -> Made:
    qsh = hashlib.sha256(b"POST&/hooks/acme&user_id=a%20b").hexdigest()
    token, written = jwt_hs256({"iss": "jira:1", "iat": int(now), "exp": int(now) + 180, "qsh": qsh})
    url = f"{URL}?user_id=a+b"
    return Made(
        SECRET, written, (("Authorization", f"JWT {token}"),), body, url=url, now=now, prefix="", other_secret=OTHER
    )
