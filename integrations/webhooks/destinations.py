"""What a process knows of a target while it sends: address and secrets, opened once, dropped on any change."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote
from uuid import UUID

from integrations.call_log.known import ClientValues
from integrations.models import WebhookTarget
from integrations.webhooks import sealing
from secrets_vault import generation, vault
from secrets_vault.actor import Actor
from secrets_vault.masking import Masker
from secrets_vault.masking.known import KnownValues, Together
from secrets_vault.models import StoredSecret
from secrets_vault.secret import Secret

KEPT_S = 5.0
MOST_KEPT = 500
SHORTEST_KNOWN = 8
FORWARDER = Actor(kind="system", label="Webhook forwarder")


@dataclass(frozen=True, slots=True)
class Destination:
    """A target ready to be sent to. Its `masker` also covers the parts of its address."""

    target_id: UUID
    url: Secret = field(repr=False)
    secrets: tuple[Secret, ...] = field(repr=False)
    masker: Masker = field(repr=False)


class Destinations:
    """The targets that one thread sends to. Each is read again after any change, and after five seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept: OrderedDict[UUID, tuple[Destination, int, float]] = OrderedDict()
        self._values = ClientValues()
        self._clock = clock

    def of(self, target: WebhookTarget) -> Destination:
        """Return a target's destination. Raises VaultError, NoValue among them, when it cannot be opened."""
        seen, now_s = generation.current(), self._clock()
        kept = self._kept.get(target.pk)
        if kept is not None and kept[1] == seen and now_s - kept[2] < KEPT_S:
            return kept[0]
        made = self._opened(target)
        self._kept[target.pk] = (made, seen, now_s)
        self._kept.move_to_end(target.pk)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return made

    def _opened(self, target: WebhookTarget) -> Destination:
        client = target.endpoint.client
        url = sealing.open_url(target, client=client)
        values = self._values.of([client.pk])[client.pk]
        self._values.trim()
        masker = Masker(Together(KnownValues(parts_of(url)), values))
        return Destination(target.pk, url, _secrets(target.signing_secret), masker)


def parts_of(url: Secret) -> list[str]:
    """Return what an answer must not tell of an address: all of it, and each longer piece after the host."""
    text = url.expose()
    after = re.sub(r"^https?://[^/?#]*", "", text, flags=re.IGNORECASE)
    pieces = [piece for piece in re.split(r"[/?&=]", after) if len(piece) >= SHORTEST_KNOWN]
    return [text, *([after] if len(after) >= SHORTEST_KNOWN else []), *pieces, *map(unquote, pieces)]


def _secrets(stored: StoredSecret | None) -> tuple[Secret, ...]:
    """Return what signs: the current version, and while it rolls the one before it too."""
    if stored is None:
        return ()
    versions = [stored.current, stored.in_grace]
    opened = [vault.use(stored, actor=FORWARDER, purpose="signing webhooks", version=each) for each in versions if each]
    return tuple(fields["secret"] for fields in opened if "secret" in fields)
