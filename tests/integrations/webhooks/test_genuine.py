"""Requests that vendors' own libraries made, or their pages publish: each gets the verdict recorded with it."""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from integrations.management.commands.webhook_check import verdict_of
from integrations.webhooks.places import place, texts
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.schemes.registry import all_schemes, get_scheme

pytestmark = pytest.mark.matrix  # no database: one engine is enough

GENUINE = Path(__file__).parent / "genuine"
FILES = sorted(path for path in GENUINE.glob("*.json") if not path.stem.startswith("NONE"))
# Where the functions read their signature; of the others the scheme itself says it.
BY_FUNCTION = {
    "adyen_payload": "json:notificationItems.*.NotificationRequestItem.additionalData.hmacSignature",
    "atlassian_connect": "header:Authorization",
    "aws_sns": "json:Signature",
    "contentful": "header:x-contentful-signature",
    "monday": "header:Authorization",
    "paypal": "header:PAYPAL-TRANSMISSION-SIG",
    "plaid": "header:Plaid-Verification",
    "salesforce_outbound": "",
}


@cache
def recorded(scheme: str) -> tuple[dict[str, Any], ...]:
    return tuple(json.loads((GENUINE / f"{scheme}.json").read_text()))


def named(scheme: str, case: dict[str, Any]) -> Any:
    return pytest.param(scheme, case, id=f"{scheme}-{case['name']}"[:90])


ALL = [named(path.stem, case) for path in FILES for case in recorded(path.stem)]
VALID = [param for param in ALL if param.values[1]["verdict"] == "valid"]


def said(scheme: str, case: dict[str, Any]) -> tuple[str, str]:
    answer = verdict_of({**case, "scheme": scheme})
    return answer["verdict"], answer["reason"]


@pytest.mark.parametrize(("scheme", "case"), ALL)
def test_a_genuine_request_gets_the_recorded_verdict(scheme, case):
    verdict, reason = said(scheme, case)
    assert verdict == case["verdict"]
    assert reason == (case.get("reason") or {"valid": "ok", "handshake": "handshake"}[verdict])


@pytest.mark.parametrize(("scheme", "case"), [p for p in VALID if get_scheme(p.values[0]).is_body_signed])
def test_a_genuine_request_with_one_byte_of_its_body_changed_is_refused(scheme, case):
    body = base64.b64decode(case["body_base64"])
    for at in {0, len(body) // 2, len(body) - 1} if body else ():
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        verdict, _reason = said(scheme, {**case, "body_base64": base64.b64encode(changed).decode()})
        assert verdict == "invalid"


@pytest.mark.parametrize(("scheme", "case"), VALID)
def test_a_genuine_request_with_one_character_of_its_signature_changed_is_refused(scheme, case):
    written = signatures_of(scheme, case)
    assert written, "the test found no signature to change"
    for at in (0, -1):
        verdict, _reason = said(scheme, with_others(case, {one: one_changed(one, at) for one in written}))
        assert verdict == "invalid"


@pytest.mark.parametrize(("scheme", "case"), VALID)
def test_a_genuine_request_under_another_secret_is_refused(scheme, case):
    assert said(scheme, {**case, "secret": None})[1] == "no_secret"
    assert said(scheme, {**case, "secret": case["secret"][:-4] + "AAA="})[0] == "invalid"


def test_every_record_is_of_a_scheme_that_is_known():
    assert {path.stem for path in FILES} <= {scheme.key for scheme in all_schemes()}


def signatures_of(scheme: str, case: dict[str, Any]) -> list[str]:
    """Return every text in the request that is taken for a signature."""
    found = [text for proof in get_scheme(scheme).proofs for text in texts_of(scheme, proof, case)]
    return [one for one in dict.fromkeys(found) if one]


def texts_of(scheme: str, proof: Any, case: dict[str, Any]) -> list[str]:
    if proof.function == "salesforce_outbound":
        return [case["secret"]]
    where = place(proof.signature or BY_FUNCTION[proof.function])
    values = texts(request_of(case), where, item_separator=get_scheme(scheme).item_separator)
    if proof.function in ("atlassian_connect", "monday", "plaid"):
        return [value.rpartition(".")[2] for value in values]
    pieces = [piece for value in values for piece in (value.split(proof.separator) if proof.separator else [value])]
    return [piece.strip().removeprefix(proof.prefix) for piece in pieces if piece.strip().startswith(proof.prefix)]


def request_of(case: dict[str, Any]) -> WebhookRequest:
    headers = tuple((name.lower(), value.encode()) for name, value in case["headers"])
    return WebhookRequest(case["method"], case["url"], headers, base64.b64decode(case["body_base64"]))


def one_changed(written: str, where: int) -> str:
    at = where % len(written.rstrip("="))
    return written[:at] + ("A" if written[at] not in "Aa" else "b") + written[at + 1 :]


def with_others(case: dict[str, Any], others: dict[str, str]) -> dict[str, Any]:
    """Return the request with other texts where its signatures stand, be it header, address or body."""
    headers, url, body = case["headers"], case["url"], base64.b64decode(case["body_base64"]).decode("latin-1")
    for old, new in others.items():
        headers = [[name, value.replace(old, new)] for name, value in headers]
        for before, after in ((old, new), (quote(old, safe=""), quote(new, safe=""))):  # in an address, a form
            url, body = url.replace(before, after), body.replace(before, after)
    return {**case, "headers": headers, "url": url, "body_base64": base64.b64encode(body.encode("latin-1")).decode()}
