"""The items of a request link: done, failed, and the link with them when the last is done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from integrations.links import telling
from integrations.links.link import holder, record_act
from integrations.models import ClientLink, Connection, LinkItem


def use_up(link: ClientLink, connection: Connection, *, now: datetime, **found: Any) -> bool:
    """Note that a link has got what it asked for here; False when somebody else was first or it was revoked.

    Needs the transaction in which the credential is stored: of two who finish at once, one undoes everything.
    """
    living = ClientLink.objects.filter(pk=link.pk, used_at__isnull=True, revoked_at__isnull=True)
    if link.kind == ClientLink.Kind.CONNECT:
        if not living.update(used_at=now, failed_at=None, failed_code="", sealed_token=None, remind_at=None):
            return False
        record_act(link, "link.used", actor=holder(link))
        link.refresh_from_db(fields=["used_at", "failed_at"])
        telling.all_done(link, now=now)
        return True
    # The link's own row first: two clients with two items each wait for one another here, not crosswise.
    if not living.update(failed_at=None, failed_code=""):
        return False
    items = LinkItem.objects.filter(link=link)
    mine = items.filter(connection=connection, done_at__isnull=True)
    if not mine.update(done_at=now, failed_at=None, failed_code="", **found):
        return False
    _finish(link, connection, is_last=not items.filter(done_at__isnull=True).exists(), now=now)
    return True


def _finish(link: ClientLink, connection: Connection, *, is_last: bool, now: datetime) -> None:
    record_act(link, "link.item_done", actor=holder(link), connection=connection.slug)
    if is_last:
        ClientLink.objects.filter(pk=link.pk).update(used_at=now, sealed_token=None, remind_at=None)
        record_act(link, "link.used", actor=holder(link))
        telling.all_done(link, now=now)


def note_failure(link: ClientLink, connection: Connection, code: str, *, now: datetime) -> None:
    """Remember why an attempt did not go through; the link works on."""
    ClientLink.objects.filter(pk=link.pk, used_at__isnull=True).update(failed_at=now, failed_code=code)
    items = LinkItem.objects.filter(link=link, connection=connection, done_at__isnull=True)
    items.update(failed_at=now, failed_code=code)


def has_more(link: ClientLink) -> bool:
    """Tell whether something is still asked for."""
    return LinkItem.objects.filter(link=link, done_at__isnull=True).exists()
