"""What a page says of one call besides its columns: status, limits then, and how to make it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from dashboard.timeline import status_words
from dashboard.words import thousands
from integrations.errors import IntegrationError
from integrations.injecting import shown_segment
from integrations.providers.registry import get_provider

if TYPE_CHECKING:
    from integrations.models import Call, Connection

# Headers that curl or the gateway writes itself, and those that may hold a credential.
NOT_COPIED = frozenset(
    {"host", "content-length", "connection", "accept-encoding", "transfer-encoding", "authorization", "user-agent",
     "proxy-authorization", "cookie", "x-api-key", "api-key"}
)  # fmt: skip
SHOWN_BODY = 4_000


def described(call: Call) -> Any:
    """Give a call the words that templates show: `status_words` and `readings`."""
    shown: Any = call
    shown.status_words = status_words(call.status)
    told = [reading for reading in call.reading or () if isinstance(reading, dict)]
    shown.readings = [reading_words(reading) for reading in told]
    shown.gauges = [gauge for reading in told if (gauge := _gauge_of(reading)) is not None]
    return shown


def _gauge_of(reading: Mapping[str, Any]) -> tuple[float, str] | None:
    """Return how many percent of a limit were used at that second, and its words; None where no limit was told."""
    limit, remaining = reading.get("limit"), reading.get("remaining")
    if not isinstance(limit, int) or not isinstance(remaining, int) or limit <= 0:
        return None
    return 100.0 * max(0, limit - remaining) / limit, reading_words(reading)


def reading_words(reading: Mapping[str, Any]) -> str:
    """Return "day: 3 of 100 left, reset at 14:03:00"."""
    bucket = str(reading.get("bucket") or "limit").replace("_", " ").replace("-", " ")
    limit, remaining = reading.get("limit"), reading.get("remaining")
    left = thousands(remaining) if isinstance(remaining, int) else "?"
    words = _("{bucket}: {left} of {limit} left") if isinstance(limit, int) else _("{bucket}: {left} left")
    words = words.format(bucket=bucket, left=left, limit=thousands(limit) if isinstance(limit, int) else "")
    at = parse_datetime(str(reading.get("resets_at") or ""))
    return _("{words}, reset at {time}").format(words=words, time=f"{timezone.localtime(at):%H:%M:%S}") if at else words


def curl_of(call: Call, connection: Connection) -> str:
    """Return the call as curl through the gateway, with a placeholder where the gateway token goes.

    It is made from what was kept, which is masked: a body with `****` in it must be mended by hand.
    """
    url = f"{settings.KEYLODGE_PUBLIC_URL}/gateway/{connection.slug}{_gateway_path(call, connection)}"
    parts = ["curl", "-X", shlex.quote(call.method), shlex.quote(url), '-H "Authorization: Bearer $GATEWAY_TOKEN"']
    parts += [f"-H {shlex.quote(line)}" for line in _headers(call.request_head)]
    if call.request_body:
        parts.append(f"--data-raw {shlex.quote(call.request_body[:SHOWN_BODY])}")
    return f"{' '.join(parts[:4])} \\\n  " + " \\\n  ".join(parts[4:])


def _gateway_path(call: Call, connection: Connection) -> str:
    """Return the path as the caller gave it: what the log keeps begins with the provider's base path."""
    try:
        provider = get_provider(connection.provider_key).of_kind(connection.kind).render(connection.variables)
        base = urlsplit(provider.base_url).path.rstrip("/")
        if segment := shown_segment(provider.injection_for(connection.kind)).decode("ascii"):
            base += f"/{segment}"
    except (IntegrationError, ValueError, KeyError):
        base = ""
    return call.path.removeprefix(base) if base and call.path.startswith(f"{base}/") else call.path


def _headers(head: str) -> Iterator[str]:
    for line in head.splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip().lower() not in NOT_COPIED and " " not in name and "****" not in value:
            yield f"{name.strip()}: {value.strip()}"
