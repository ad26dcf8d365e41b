"""Says of captured webhook requests whether their signature is right."""

from __future__ import annotations

import base64
import binascii
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from integrations.providers.reading import BadFacts
from integrations.webhooks import verify
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.schemes.proven import KeysByURL
from integrations.webhooks.schemes.registry import UnknownScheme, custom_scheme, get_scheme
from integrations.webhooks.schemes.shape import CUSTOM, Scheme
from secrets_vault.commands import BAD_INPUT, KeylodgeCommand
from secrets_vault.secret import Secret


class BadLine(ValueError):
    """A line is not what the command reads. The message is a sentence without any value of the line."""


class Command(KeylodgeCommand):
    """`webhook_check`: a captured request a line on stdin, a verdict a line on stdout. No home, vault or database."""

    help = (
        'Check webhook signatures: lines {"scheme", "secret", "method", "url", "headers", "body_base64", "now"} on '
        'stdin, {"verdict", "reason", "why"} on stdout. Nothing is stored, nothing is sent, no secret is printed.'
    )

    def run(self, **options: Any) -> None:
        """Answer each line of stdin."""
        for number, line in enumerate(sys.stdin.buffer, 1):
            if not line.strip():
                continue
            try:
                answer = verdict_of(parsed(line))
            except BadLine as error:
                self.say(f"Line {number}: {error}")
                self.exit_code = BAD_INPUT
                answer = _answer("invalid", "malformed", f"The line cannot be read: {error}")
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            self.stdout.flush()


def parsed(line: bytes) -> Mapping[str, Any]:
    """Return the object of one line. Raises BadLine."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        raise BadLine("it is not JSON.") from None
    if not isinstance(given, dict):
        raise BadLine("it is not a JSON object.")
    return given


def verdict_of(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the answer to one request. Raises BadLine for what is no request.

    `secret` may be a list, the current one first. Beside the contract's fields there are `custom`, the
    parameters of a scheme of one's own, and `public_keys`, published keys by their address.
    """
    try:
        scheme = _scheme(given)
    except UnknownScheme:
        return _answer("invalid", "unknown_scheme", "There is no webhook scheme of this name.")
    request, now = _request(given), _now(given.get("now"))
    secrets, keys = _secrets(given.get("secret")), _keys(given.get("public_keys"))
    return _answer(*verify.verdict_of(request, scheme, secrets, now=now, keys=keys))


def _answer(verdict: str, reason: str, why: str) -> dict[str, str]:
    return {"verdict": verdict, "reason": reason, "why": why}


def _scheme(given: Mapping[str, Any]) -> Scheme:
    key = given.get("scheme")
    if not isinstance(key, str):
        raise BadLine("scheme must be a text.")
    if key != CUSTOM:
        return get_scheme(key)
    try:
        return custom_scheme(given.get("custom", {}))
    except BadFacts as error:
        raise BadLine(f"custom: {error.field}: {error.reason}.") from None


def _request(given: Mapping[str, Any]) -> WebhookRequest:
    method, url, headers = given.get("method", "POST"), given.get("url"), given.get("headers", [])
    if not isinstance(method, str) or not isinstance(url, str):
        raise BadLine("method and url must be texts.")
    if not isinstance(headers, list):
        raise BadLine("headers must be a list of [name, value].")
    return WebhookRequest(method.upper(), url, tuple(_header(pair) for pair in headers), _body(given))


def _header(pair: object) -> tuple[str, bytes]:
    match pair:
        case [str(name), str(value)]:
            return name.lower(), value.encode("utf-8", "surrogatepass")
    raise BadLine("headers must be a list of [name, value].")


def _body(given: Mapping[str, Any]) -> bytes:
    written = given.get("body_base64", "")
    try:
        if isinstance(written, str):
            return base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise BadLine("body_base64 must be base64.")


def _now(given: object) -> datetime:
    try:
        if isinstance(given, int | float) and not isinstance(given, bool):
            return datetime.fromtimestamp(given, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise BadLine("now must be seconds since 1970.")


def _secrets(given: object) -> list[Secret]:
    listed = given if isinstance(given, list) else [given]
    if not all(one is None or isinstance(one, str) for one in listed):
        raise BadLine("secret must be a text or a list of texts.")
    return [Secret(one.encode("utf-8", "surrogatepass")) for one in listed if isinstance(one, str) and one]


def _keys(given: object) -> KeysByURL:
    if given is None:
        return KeysByURL({})
    if not isinstance(given, dict):
        raise BadLine("public_keys must be an object.")
    keys: dict[str, Any] = given
    return KeysByURL({url: str(key).encode("utf-8", "surrogatepass") for url, key in keys.items()})
