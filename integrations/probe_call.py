"""The provider's cheapest call that proves a credential works, made with the credential in its slot."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from integrations import outbound
from integrations.errors import IntegrationError
from integrations.injecting import Injected, injected, prepared
from integrations.oauth.answers import dig
from integrations.providers import templates
from integrations.providers.injection import Injection
from integrations.providers.shape import Provider
from secrets_vault.secret import Secret

DEADLINE_S = 10.0
MAX_BYTES = 256 * 1024


class NoProbe(IntegrationError):
    """The provider's facts name no call that would prove a credential."""

    code = "no_probe"


@dataclass(frozen=True)
class ProbeAnswer:
    """What came back. `code` is empty, or why no answer came; `free_at` a Unix time, where one is worth waiting for."""

    status: int = 0
    body: bytes = field(default=b"", repr=False)
    code: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)
    free_at: float | None = None

    def header(self, name: str) -> str | None:
        """Return the first header of this name as text, or None."""
        return outbound.Answer(self.status, self.headers, b"").header(name)

    def json(self) -> Any:
        """Return the body as JSON, or None."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def proves(self, provider: Provider) -> bool:
        """Tell whether the credential is known: a 2xx, or what the facts count as one; Slack says no with a 200."""
        probe = provider.probe
        if probe and probe.alive_text and 400 <= self.status < 500 and probe.alive_text.encode() in self.body:
            return True
        if probe is None or not (200 <= self.status < 300 or self.status in probe.alive_statuses):
            return False
        return not probe.true_at or self.status in probe.alive_statuses or dig(self.json(), probe.true_at) is True


def opened(injection: Injection, kind: str, fields: Mapping[str, Secret]) -> Injected:
    """Return a credential in its places, ready to be sent. Raises IncompleteCredential."""
    return injected(injection, kind, {name: value.expose() for name, value in fields.items()})


def call_probe(
    provider: Provider, kind: str, fields: Mapping[str, Secret], *, send: Callable[..., Any] = outbound.send
) -> ProbeAnswer:
    """Call the probe with the credential injected. Raises NoProbe; no answer at all is a `code`, not an exception.

    Raises IncompleteCredential where the credential lacks a value.
    """
    if provider.probe is None or provider.missing_variables:
        raise NoProbe("there is no call to prove this credential with")
    url = provider.probe.url or provider.base_url.rstrip("/") + provider.probe.path
    if templates.names(url):
        raise NoProbe("the call needs what only the provider can tell")
    headers = {
        "Accept": "application/json",
        "User-Agent": "Keylodge",
        **provider.static_headers,
        **provider.probe.headers,
    }
    ready = opened(provider.injection_for(kind), kind, fields)
    call = prepared(
        ready,
        provider.probe.method,
        url,
        base_url=provider.base_url,
        headers=headers,
        now=timezone.now(),
        body=provider.probe.body.encode() or None,
    )
    try:
        got = send(
            call.method,
            call.url,
            headers=call.headers,
            body=call.body,
            deadline_s=DEADLINE_S,
            max_bytes=MAX_BYTES,
            allowed_hosts=provider.allowed_hosts,
        )
    except outbound.OutboundError as error:
        return ProbeAnswer(code=error.code)
    return ProbeAnswer(got.status, got.body, headers=tuple(got.headers))
