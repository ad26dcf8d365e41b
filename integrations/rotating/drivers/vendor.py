"""How a driver calls its vendor: with one credential, to the hosts and slots that its policy allows, nowhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from integrations import outbound
from integrations.injecting.injected import injected
from integrations.injecting.request import prepared
from integrations.oauth.keeping import bound_host
from integrations.oauth.session import Send
from integrations.providers.injection import Injection
from integrations.providers.shape import Provider
from integrations.rotating.errors import RotationError
from secrets_vault import vault
from secrets_vault.models import StoredSecret
from secrets_vault.secret import Secret

DEADLINE_S = 20.0
MAX_BYTES = 1024 * 1024


class DriverFailed(RotationError):
    """The vendor did not do what was asked. `was_sent` tells whether it may have done it all the same."""

    def __init__(self, code: str, *, status: int = 0, was_sent: bool = False) -> None:
        self.code, self.status, self.was_sent = code, status, was_sent
        super().__init__(code)


@dataclass(frozen=True)
class Made:
    """A new credential, fresh from the vendor: its fields, its name there, and its end where it has one."""

    fields: Mapping[str, Secret] = field(repr=False)
    at_provider: str
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Vendor:
    """One vendor seen with one credential. `mark` is what our new key is called there."""

    provider: Provider
    kind: str
    stored: StoredSecret
    fields: Mapping[str, Secret] = field(repr=False)
    mark: str
    injection: Injection
    send: Send = outbound.send

    @property
    def base_url(self) -> str:
        """Return where the vendor manages keys."""
        return (self.provider.rotation.api_url or self.provider.base_url).rstrip("/")

    def plain(self, name: str) -> str:
        """Return one field: a part of it names the key at some vendors."""
        return self.fields[name].expose()

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, gone: bool = False) -> bytes:
        """Return the body of a 2xx. With `gone` a 404 is as good. Raises DriverFailed, PolicyRefused."""
        url = self.base_url + path
        for slot in self.injection.slots:
            vault.check_policy(self.stored, host=bound_host(url), slot=slot)
        headers = {"Accept": "application/json", "User-Agent": "Keylodge"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        plain = {name: value.expose() for name, value in self.fields.items()}
        ready = injected(self.injection, self.kind, plain)
        request = prepared(ready, method, url, base_url=self.base_url, headers=headers, now=timezone.now())
        sent = json.dumps(body).encode() if body is not None else request.body
        try:
            answer = self.send(
                method, request.url, headers=request.headers, body=sent, deadline_s=DEADLINE_S, max_bytes=MAX_BYTES
            )
        except outbound.OutboundError as error:
            raise DriverFailed("unreachable", was_sent=error.was_sent) from None
        return _judged(answer, gone=gone)

    def json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return the answer's JSON."""
        try:
            return json.loads(self.call(method, path, body) or b"null")
        except (ValueError, RecursionError):
            raise DriverFailed("unclear", was_sent=True) from None


def _judged(answer: outbound.Answer, *, gone: bool) -> bytes:
    if 200 <= answer.status < 300 or (gone and answer.status == 404):
        return answer.body
    if answer.status in (401, 403):
        raise DriverFailed("not_allowed", status=answer.status)
    if answer.status == 409:
        raise DriverFailed("in_the_way", status=answer.status)
    busy = answer.status == 429 or answer.status >= 500
    raise DriverFailed("busy" if busy else "refused", status=answer.status, was_sent=answer.status >= 500)


def text_at(found: Any, *names: str) -> str:
    """Return a text of an answer by its path. Raises DriverFailed: the vendor did something we cannot read."""
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str) or not found:
        raise DriverFailed("unclear", was_sent=True)
    return found


def time_at(found: Any, *names: str) -> datetime | None:
    """Return a time of an answer, None where there is none. A day alone ends as it begins."""
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    try:
        at = datetime.fromisoformat(found) if isinstance(found, str) else None
    except ValueError:
        return None
    return timezone.make_aware(at) if at is not None and timezone.is_naive(at) else at
