"""Which values of a client the log must not show: everything it holds, kept as one automaton in memory."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from secrets_vault import vault
from secrets_vault.masking.known import KnownValues
from secrets_vault.vault.knowing import Stamp

MOST_CLIENTS = 64


class ClientValues:
    """The automata of the clients that call, rebuilt when a value is added. One thread uses it: the writer's."""

    def __init__(self) -> None:
        self._kept: dict[UUID, tuple[Stamp, KnownValues]] = {}

    def of(self, client_ids: Iterable[UUID]) -> dict[UUID, KnownValues]:
        """Return the values by client. Raises DatabaseError or VaultError: without them nothing may be masked."""
        wanted = set(client_ids)
        now = vault.stamps(wanted)
        for client_id in wanted:
            stamp = now.get(client_id, (0, 0))
            kept = self._kept.get(client_id)
            if kept is None or kept[0] != stamp:
                self._keep(client_id, stamp)
        return {client_id: self._kept[client_id][1] for client_id in wanted}

    def _keep(self, client_id: UUID, stamp: Stamp) -> None:
        made = KnownValues(vault.values_to_mask(client_id) if stamp[1] else ())
        self._kept.pop(client_id, None)
        self._kept[client_id] = (stamp, made)

    def trim(self) -> None:
        """Forget the clients that have not been rebuilt for longest, beyond the newest 64."""
        while len(self._kept) > MOST_CLIENTS:
            self._kept.pop(next(iter(self._kept)))
