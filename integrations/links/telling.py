"""What the consultant hears of a link: that a client has done their part, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy

from integrations import alerts
from integrations.models import ClientLink, Connection, LinkItem
from integrations.providers.gone import shown_provider

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

WARNINGS: dict[str, StrOrPromise] = {
    "known_elsewhere": gettext_lazy("The same value is stored in another place too."),
    "wrong_kind": gettext_lazy("It looks like another kind of secret."),
    "other_provider": gettext_lazy("It looks like a key of another provider."),
    "live_outside_production": gettext_lazy("It is a live key, outside production."),
    "test_in_production": gettext_lazy("It is a test key, in production."),
    "unusual_shape": gettext_lazy("It does not have this provider’s usual shape."),
    "short": gettext_lazy("It is very short."),
    "placeholder": gettext_lazy("It looks like a placeholder."),
    "own_token": gettext_lazy("It is a gateway token of Keylodge."),
    "scheme": gettext_lazy("It starts with the word that goes before a credential."),
    "quotes": gettext_lazy("It is in quotation marks."),
    "invisible": gettext_lazy("It holds characters that cannot be seen."),
}


@dataclass(frozen=True)
class Arrived:
    """One item as a mail or a page names it."""

    item: LinkItem
    provider_name: str
    warnings: tuple[StrOrPromise, ...]

    @property
    def is_waiting(self) -> bool:
        """Tell whether what arrived is not in use yet."""
        version = self.item.version
        return version is not None and version.state in ("pending", "verified")


def arrived(link: ClientLink) -> list[Arrived]:
    """Return what a link asks for with what is to be said about each."""
    return [
        Arrived(
            item,
            shown_provider(item.connection).name,
            tuple(WARNINGS[code] for code in item.warned if code in WARNINGS),
        )
        for item in asked(link)
    ]


def asked(link: ClientLink) -> list[LinkItem]:
    """Return the items of a link. A connect link has none of its own: its one is told by the link itself."""
    if link.connection is None:
        return list(link.items.select_related("connection__client", "connection__environment", "version"))
    return [
        LinkItem(
            link=link,
            connection=link.connection,
            takes=LinkItem.Takes.CONSENT,
            done_at=link.used_at,
            failed_at=link.failed_at,
            failed_code=link.failed_code,
            outcome="works" if link.used_at else "",
        )
    ]


def all_done(link: ClientLink, *, now: datetime) -> None:
    """Tell everyone who manages the client that all of it is there. In the transaction of the last item."""
    found = arrived(link)
    client = link.client
    is_play = client.is_sandbox or client.is_demo or all(one.item.connection.is_sandbox for one in found)
    context = {
        "link": link,
        "client": client,
        "found": found,
        "url": alerts.page_url(f"/links/{link.pk}/"),
    }
    alerts.announce(client, "link_done", context, key=str(link.pk), now=now, is_play=is_play)


def address_mended(
    link: ClientLink, connection: Connection, mended: list[tuple[str, str, str]], *, now: datetime
) -> None:
    """Tell everyone who manages the client that a part of the address was mended: once an hour, the book has each."""
    client = connection.client
    context = {
        "link": link,
        "connection": connection,
        "client": client,
        "mended": mended,
        "url": alerts.page_url(f"/connections/{connection.slug}/"),
    }
    key = f"{link.pk}:{connection.pk}:{now:%Y%m%d%H}"
    is_play = connection.is_sandbox or connection.is_demo
    for user in alerts.recipients(client):
        alerts.tell(user, "link_address_mended", context, key=key, client=client, now=now, is_play=is_play)
