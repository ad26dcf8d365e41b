"""A sender's question whether this address is ours: recognise it, and write the answer it wants."""

from __future__ import annotations

import hmac
import json
import re

from integrations.webhooks.decoding import encoded
from integrations.webhooks.hosts import is_on_host
from integrations.webhooks.key_material import UnusableSecret, key_bytes
from integrations.webhooks.places import place, text, texts
from integrations.webhooks.schemes.parts import Greeting
from integrations.webhooks.schemes.proven import Case, Proven
from integrations.webhooks.verdicts import Handshake, Refused
from secrets_vault.secret import Secret

LONGEST_ECHO = 4096
# Whoever may have any text signed has a forged event signed: X signs events and challenges alike. None of these is one.
SIGNABLE = re.compile(r"[A-Za-z0-9_.=+/-]{1,200}")
PLAIN = "text/plain; charset=utf-8"


def check_not_signed_by_us(case: Case) -> None:
    """Raise Refused where the body is a token such as we sign for anybody who asks: its signature proves nothing."""
    for_anybody = (one for one in case.scheme.handshakes if not one.is_signed)
    is_signed_for_anybody = any("{hmac}" in template for one in for_anybody for template in one.json.values())
    if is_signed_for_anybody and SIGNABLE.fullmatch(case.request.body[:LONGEST_ECHO].decode("latin-1")):
        raise Refused("malformed", "The body is a challenge, which anybody may have signed, and no event.")


def unsigned_handshake(case: Case) -> Handshake | None:
    """Return the answer to a handshake that proves nothing, None where the request is none. Raises Refused."""
    greeting = next((one for one in case.scheme.handshakes if not one.is_signed and _fits(case, one)), None)
    return _answer(case, greeting, secret_number=0) if greeting else None


def signed_handshake(case: Case, proven: Proven) -> Handshake | None:
    """Return the answer to a handshake whose signature is right, None where the request is none. Raises Refused."""
    greeting = next((one for one in case.scheme.handshakes if one.is_signed and _fits(case, one)), None)
    return _answer(case, greeting, secret_number=proven.secret_number) if greeting else None


def _fits(case: Case, greeting: Greeting) -> bool:
    return case.request.method == greeting.method and all(_holds(case, condition) for condition in greeting.when)


def _holds(case: Case, condition: str) -> bool:
    where, equals, wanted = condition.removeprefix("!").partition("=")
    try:
        if place(where).kind in ("json", "form"):
            case.request.check_short()
        found = texts(case.request, place(where))
    except Refused:  # a body that is no JSON, or is long, has no such field
        found = ()
    is_there = wanted in found if equals else bool(found)
    return is_there != condition.startswith("!")


def _answer(case: Case, greeting: Greeting, *, secret_number: int) -> Handshake:
    value = _value(case, greeting)
    body, content_type = b"", ""
    headers: tuple[tuple[str, str], ...] = ()
    if greeting.reply == "text":
        body, content_type = value.encode(), PLAIN
    elif greeting.reply == "json":
        body, content_type = _json(case, greeting, value, secret_number), "application/json"
    elif greeting.reply == "header":
        headers = ((greeting.header, value),)
    return Handshake(
        status=greeting.status,
        content_type=content_type,
        body=body,
        secret_to_keep=Secret(value) if greeting.keeps_secret else None,
        headers=headers,
        is_signed=greeting.is_signed,
        is_repeated=greeting.is_repeated,
        visit=_visit(case, greeting),
    )


def _visit(case: Case, greeting: Greeting) -> str:
    """Return the https address to call, of a host that the facts name. Raises Refused for any other."""
    if not greeting.visit:
        return ""
    address = text(case.request, place(greeting.visit)) or ""
    if not is_on_host(address, greeting.visit_hosts):
        raise Refused("malformed", "The handshake names an address that is not the vendor's.")
    return address


def _value(case: Case, greeting: Greeting) -> str:
    if not greeting.value:
        return ""
    value = text(case.request, place(greeting.value))
    if not value:
        raise Refused("missing", f"The handshake lacks {place(greeting.value).words}.")
    if len(value) > LONGEST_ECHO or not value.isprintable():
        raise Refused("malformed", "The handshake's challenge is too long, or holds what cannot be sent back.")
    return value


def _json(case: Case, greeting: Greeting, value: str, secret_number: int) -> bytes:
    filled = {"{value}": value}
    if any("{hmac}" in template for template in greeting.json.values()):
        filled["{hmac}"] = _hmac(case, greeting, value, secret_number)
    return json.dumps({name: _filled(template, filled) for name, template in greeting.json.items()}).encode()


def _filled(template: str, values: dict[str, str]) -> object:
    if template.isdigit():  # Discord wants {"type": 1}, not "1"
        return int(template)
    head, brace, name = template.partition("{")
    return head + values[brace + name] if brace else template


def _hmac(case: Case, greeting: Greeting, value: str, secret_number: int) -> str:
    proof = case.scheme.proofs[0]
    if not SIGNABLE.fullmatch(value):
        raise Refused("malformed", "The handshake's challenge is not a token, and is not signed.")
    try:
        key = key_bytes(case.secrets[secret_number], proof.key_form)
    except (IndexError, UnusableSecret):
        raise Refused("no_secret", "There is no secret to answer the handshake with.") from None
    return encoded(hmac.digest(key, value.encode(), proof.hash), greeting.hmac_encoding)
