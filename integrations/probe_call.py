"""The provider's cheapest call that proves a credential works, made with the credential in its slot."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from integrations import outbound
from integrations.errors import IntegrationError
from integrations.oauth.answers import dig
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
    """What came back. `code` is empty, or why no answer came."""

    status: int = 0
    body: bytes = field(default=b"", repr=False)
    code: str = ""

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


def call_probe(
    provider: Provider, kind: str, fields: Mapping[str, Secret], *, send: Callable[..., Any] = outbound.send
) -> ProbeAnswer:
    """Call the probe with the credential injected. Raises NoProbe; no answer at all is a `code`, not an exception."""
    if provider.probe is None or provider.missing_variables:
        raise NoProbe("there is no call to prove this credential with")
    injection = provider.injection_for(kind)
    url = provider.probe.url or provider.base_url.rstrip("/") + provider.probe.path
    headers = {
        "Accept": "application/json",
        "User-Agent": "Keylodge",
        **provider.static_headers,
        **provider.probe.headers,
    }
    url = _injected(url, headers, injection, injection.value(**plain_fields(kind, fields)))
    try:
        got = send(
            provider.probe.method,
            url,
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
            deadline_s=DEADLINE_S,
            max_bytes=MAX_BYTES,
            allowed_hosts=provider.allowed_hosts,
        )
    except outbound.OutboundError as error:
        return ProbeAnswer(code=error.code)
    return ProbeAnswer(got.status, got.body)


def plain_fields(kind: str, fields: Mapping[str, Secret]) -> dict[str, str]:
    """Return the arguments of `Injection.value` for the fields of a kind."""
    if kind == "basic":
        return {"username": fields["username"].expose(), "password": fields["password"].expose()}
    name = {"api_key": "api_key", "bearer": "token", "oauth2": "access_token"}[kind]
    return {"token": fields[name].expose()}


def _injected(url: str, headers: dict[str, str], injection: Injection, value: str) -> str:
    if injection.in_ == "header":
        headers[injection.name] = value
        return url
    return f"{url}{'&' if '?' in url else '?'}{injection.name}={quote(value, safe='')}"
