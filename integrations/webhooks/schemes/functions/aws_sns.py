"""Amazon SNS: RSA over chosen fields of the body, by a certificate of AWS that the body names."""

from __future__ import annotations

import hmac

from integrations.webhooks import documents
from integrations.webhooks.hosts import is_on_host
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.schemes.functions.certificates import verified_by_certificate
from integrations.webhooks.schemes.functions.secrets import keys_of, name_and_certificate
from integrations.webhooks.schemes.proven import Case, Proven
from integrations.webhooks.verdicts import Refused

# A region and nothing else: sns.s3-us-west-2.amazonaws.com is what somebody keeps in a bucket of the name sns.
HOSTS = r"sns\.[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}\.amazonaws\.com(?:\.cn)?"
PATH = r"/[A-Za-z0-9_-]+\.pem"
HASHES = {"1": "sha1", "2": "sha256"}
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": CONFIRMATION,
    "UnsubscribeConfirmation": CONFIRMATION,
}
MAY_BE_ABSENT = ("Subject",)


def key_urls(request: WebhookRequest) -> tuple[str, ...]:
    """Return the certificate's address. Raises Refused unless it is AWS's own: anyone could name theirs."""
    address = _field(request, "SigningCertURL")
    if not is_on_host(address, HOSTS, path=PATH):
        raise Refused("malformed", "The certificate is not at an address of Amazon SNS.")
    return (address,)


def prove(case: Case) -> Proven:
    """Return what the signature proves. Raises Refused.

    Every customer of AWS can have a message signed by this certificate: the topic must be the one that is stored.
    """
    version = _field(case.request, "SignatureVersion")
    if version not in HASHES:
        raise Refused("malformed", "The signature has a version that is not known here.")
    (address,) = key_urls(case.request)
    content, written = _content(case.request), _field(case.request, "Signature")
    for number, material in keys_of(case):
        topic, pinned = name_and_certificate(material)
        if not topic.startswith("arn:"):
            raise Refused("no_secret", "The stored secret is not the topic's ARN.")
        certificate = pinned or case.keys.find(address)
        signature = verified_by_certificate(certificate, written, content, now=case.now, hash_name=HASHES[version])
        is_topic = hmac.compare_digest(topic.encode(), _field(case.request, "TopicArn").encode())
        if signature and is_topic:
            return Proven(signature, content, number)
    raise Refused("mismatch", "The signature does not fit, or the message is of another topic.")


def signed(case: Case) -> bytes:
    """Return the bytes that should be signed. Raises Refused."""
    return _content(case.request)


def _content(request: WebhookRequest) -> bytes:
    names = SIGNED.get(_field(request, "Type"))
    if names is None:
        raise Refused("malformed", "The message is of no type that SNS signs.")
    lines = []
    for name in names:
        value = documents.text_at(request.document, name)
        if value or name not in MAY_BE_ABSENT:
            lines.append(f"{name}\n{_field(request, name)}\n")
    return "".join(lines).encode()


def _field(request: WebhookRequest, name: str) -> str:
    request.check_short()
    value = documents.text_at(request.document, name)
    if not value:
        raise Refused("missing", f"The message lacks {name}.")
    return value
