"""The address of a route and what signs for it: sealed under the agency's keyring, each bound to its own row."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from integrations.alerts.routes.apprise.masking import masked_url
from integrations.models import AlertRoute
from integrations.webhooks.sealing import masked_address
from secrets_vault import vault
from secrets_vault.errors import Unreadable
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from secrets_vault.row_checks import Opening

ADDRESS = "alertroute.address_sealed"
SIGNING = "alertroute.signing_sealed"
LONGEST_MASKED = 300


def seal_address(route: AlertRoute, address: Secret) -> None:
    """Put an address into a route, sealed and masked. The caller saves it. Of a mail address nothing is masked."""
    route.address_sealed = vault.seal_text(address, field=ADDRESS, row_id=route.pk)
    route.address_masked = _masked(route.channel, address.expose())[:LONGEST_MASKED]


def _masked(channel: str, text: str) -> str:
    if channel == AlertRoute.Channel.MAIL:
        return text
    return masked_url(text) if channel == AlertRoute.Channel.APPRISE else masked_address(text)


def open_address(route: AlertRoute) -> Secret:
    """Return the address of a route; raises Unreadable."""
    return vault.open_text(route.address_sealed, field=ADDRESS, row_id=route.pk)


def leads_to(route: AlertRoute, address: Secret) -> bool:
    """Tell whether this is the address of a route. One that cannot be read any more is another."""
    try:
        return bool(route.address_sealed) and open_address(route) == address
    except Unreadable:
        return False


def seal_signing(route: AlertRoute, secret: Secret) -> None:
    """Put the secret that signs into a route. The caller saves it."""
    route.signing_sealed = vault.seal_text(secret, field=SIGNING, row_id=route.pk)


def open_signing(route: AlertRoute) -> Secret:
    """Return the secret that signs what goes by a route; raises Unreadable."""
    return vault.open_text(route.signing_sealed, field=SIGNING, row_id=route.pk)


def sealed_rows() -> Iterator[Opening]:
    """Give every address and signing secret that should open, by name, for `doctor` and `restore`."""
    for route in AlertRoute.objects.iterator(chunk_size=500):
        if route.address_sealed:
            yield f"alert route {route.pk} address", partial(open_address, route)
        if route.signing_sealed:
            yield f"alert route {route.pk} signing secret", partial(open_signing, route)
