"""Sends a test error as a tool would: over HTTP, to this installation's own port, with a text of the token's own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse

from integrations import outbound
from integrations.api import knowing, tokens
from integrations.models import ApiToken
from integrations.models.call import Source
from integrations.outbound import OutboundError
from secrets_vault.actor import Actor
from secrets_vault.secret import Secret

WITHIN_S = 8.0
Post = Callable[[Secret, bytes], tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class SentTest:
    """What came of a test: the status (None where nothing of ours answered), how long it took, and what was said."""

    status: int | None
    took_ms: float
    said: dict[str, Any]

    @property
    def is_kept(self) -> bool:
        """Tell whether the report was taken and kept."""
        return self.status == 201


def send_test(token: ApiToken, *, actor: Actor, now: datetime, post: Post | None = None) -> SentTest:
    """Report a test error and return what came of it. Raises BadApiToken where the token has ended."""
    text = tokens.for_a_test(token, actor=actor, now=now)
    about = {"tool": token.tool or Source.OTHER.value, "workflow": "Keylodge", "step": token.name}
    body = json.dumps({**about, "message": "A test, sent from Keylodge", "code": knowing.TEST}).encode()
    began = time.monotonic()
    try:
        status, answer = (post or over_http)(text, body)
    except OutboundError:
        return SentTest(None, (time.monotonic() - began) * 1000, {})
    return SentTest(status, (time.monotonic() - began) * 1000, _said(answer))


def over_http(text: Secret, body: bytes) -> tuple[int, bytes]:
    """Post to this installation's own port. Raises OutboundError where nothing of ours answers."""
    own = f"http://127.0.0.1:{settings.KEYLODGE_PORT}"
    headers = [(b"authorization", f"Bearer {text.expose()}".encode()), (b"content-type", b"application/json")]
    answer = outbound.send(
        "POST",
        own + reverse("api:report_error"),
        headers=headers,
        body=body,
        deadline_s=WITHIN_S,
        private_hosts=[urlsplit(own).netloc],
    )
    if answer.header("content-security-policy") is None:  # each answer of ours carries one
        raise OutboundError("another program answers at our port")
    return answer.status, answer.body


def _said(answer: bytes) -> dict[str, Any]:
    try:
        said = json.loads(answer)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
