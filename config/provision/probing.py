"""`--probe`: after the file was applied, each stored credential is tried with the provider's cheapest call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from integrations.models import Connection
from integrations.probe_call import NoProbe, ProbeAnswer, call_probe
from integrations.providers.registry import get_provider
from integrations.providers.shape import Provider
from integrations.status import set_status
from secrets_vault import vault
from secrets_vault.actor import COMMAND

Status = Connection.Status
Say = Callable[[str], object]


def probe_all(answer: dict[str, Any], *, now: datetime, say: Say) -> bool:
    """Try every connection of the answer that has a key; put the status found into it. True when none failed."""
    is_fine = True
    for client in answer["clients"].values():
        for slug, said in client["connections"].items():
            connection = Connection.objects.select_related("client", "secret__current").get(slug=slug)
            if connection.secret is not None and connection.kind != Connection.Kind.OAUTH2:
                is_fine = _probe(connection, now=now, say=say) and is_fine
                said["status"] = connection.status
    return is_fine


def _probe(connection: Connection, *, now: datetime, say: Say) -> bool:
    provider = get_provider(connection.provider_key).render(connection.variables)
    try:
        found = _call(connection, provider)
    except NoProbe as reason:
        say(f"{connection.slug}: not tested: {reason}")
        return True
    is_alive = found.proves(provider)
    code = "" if is_alive else found.code or f"http_{found.status}"
    set_status(connection, Status.CONNECTED if is_alive else Status.FAILING, code, actor=COMMAND, now=now)
    say(f"{connection.slug}: {'works' if is_alive else f'does not work: {code}'}")
    return is_alive


def _call(connection: Connection, provider: Provider) -> ProbeAnswer:
    assert connection.secret is not None  # noqa: S101 - the caller looked
    host, slot = provider.allowed_hosts[0], provider.injection_for(connection.kind).slot
    vault.check_policy(connection.secret, host=host, slot=slot)
    fields = vault.use(connection.secret, actor=COMMAND, purpose="probe")
    return call_probe(provider, connection.kind, fields)
