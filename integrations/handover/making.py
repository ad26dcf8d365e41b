"""Making a one-time link. Its address is returned once and stored nowhere; only a keyed hash of its token is kept."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from integrations import alerts
from integrations.errors import IntegrationError
from integrations.links.link import token_hash
from integrations.links.words import catalogues
from integrations.models import Handover
from secrets_vault import audit, vault
from secrets_vault.ids import uuid7
from secrets_vault.models import User

if TYPE_CHECKING:
    from secrets_vault.actor import Actor
    from secrets_vault.models import Client, StoredSecret
    from secrets_vault.secret import Secret

MOST_VIEWS = 10
LONGEST = timedelta(days=30)
TRIES = 5
LEAST_PASSPHRASE = 8
LONGEST_TEXT_BYTES = 64 * 1024
TEXT = "text"


class HandoverRefused(IntegrationError):
    """A link cannot be made like this. The message says why."""

    code = "handover_refused"


@dataclass(frozen=True)
class Terms:
    """How often and how long a link works, and what its reader has to prove."""

    label: str
    views: int = 1
    works_for: timedelta = timedelta(days=1)
    passphrase: str = ""
    confirm: str = ""
    confirm_email: str = ""
    language: str = "en"

    def __repr__(self) -> str:
        """Name it without the passphrase."""
        return f"Terms({self.label!r})"


def hand_out_secret(
    stored: StoredSecret, fields: Sequence[str], terms: Terms, *, actor: Actor, now: datetime
) -> tuple[Handover, str]:
    """Return a link that shows these fields of a secret's current version, and its address.

    Raises HandoverRefused, NoValue, Unreadable or AuditUnavailable.
    """
    _check(terms)
    values = vault.hand_out(stored, fields, actor=actor)
    return _make(values, terms, client=stored.client, stored=stored, actor=actor, now=now)


def share_text(
    text: Secret, terms: Terms, *, client: Client | None, actor: Actor, now: datetime
) -> tuple[Handover, str]:
    """Return a link that shows a text, and its address. Raises HandoverRefused."""
    _check(terms)
    if not 0 < len(text.expose_bytes()) <= LONGEST_TEXT_BYTES:
        raise HandoverRefused(_("A text to share has between 1 byte and 64 KiB."))
    return _make({TEXT: text}, terms, client=client, stored=None, actor=actor, now=now)


def _check(terms: Terms) -> None:
    if not 1 <= terms.views <= MOST_VIEWS:
        raise HandoverRefused(_("A link shows its content between 1 and {n} times.").format(n=MOST_VIEWS))
    if not timedelta(minutes=5) <= terms.works_for <= LONGEST:
        raise HandoverRefused(_("A link works for between 5 minutes and 30 days."))
    if terms.passphrase and len(terms.passphrase) < LEAST_PASSPHRASE:
        raise HandoverRefused(_("A passphrase has at least {n} characters.").format(n=LEAST_PASSPHRASE))
    if terms.confirm and not terms.confirm_email:
        raise HandoverRefused(_("Say whose e-mail address is to be confirmed."))
    if terms.confirm == Handover.Confirm.CODE and not alerts.can_mail():
        raise HandoverRefused(_("No mail server is set up, so no code can be mailed."))


@sensitive_variables("token", "terms")
def _make(
    values: Mapping[str, Secret],
    terms: Terms,
    *,
    client: Client | None,
    stored: StoredSecret | None,
    actor: Actor,
    now: datetime,
) -> tuple[Handover, str]:
    token, row_id = secrets.token_urlsafe(32), uuid7()
    hashed = make_password(terms.passphrase) if terms.passphrase else ""
    with transaction.atomic():
        handover = Handover.objects.create(
            id=row_id,
            token_hash=token_hash(token),
            client=client,
            secret=stored,
            label=terms.label,
            fields=list(values) if stored is not None else [],
            sealed=vault.seal_for_link(values, token=token, row_id=row_id, client=client),
            passphrase_hash=hashed,
            confirm=terms.confirm,
            confirm_email=terms.confirm_email if terms.confirm else "",
            tries_left=TRIES,
            views_allowed=terms.views,
            language=terms.language if terms.language in catalogues() else "en",
            created_by=User.objects.filter(pk=actor.id).first() if actor.kind == "user" else None,
            created_at=now,
            expires_at=now + terms.works_for,
        )
        record(handover, "handover.made", actor=actor, **_told(handover))
    return handover, f"{settings.KEYLODGE_PUBLIC_URL}/handover/{token}"


def _told(handover: Handover) -> dict[str, Any]:
    return {
        "views": handover.views_allowed,
        "until": handover.expires_at.strftime("%Y-%m-%d %H:%M UTC"),
        "passphrase": bool(handover.passphrase_hash),
        "confirm": handover.confirm,
        "fields": handover.fields,
        "secret": str(handover.secret_id or ""),
    }


def record(handover: Handover, action: str, *, actor: Actor, **details: Any) -> None:
    """Write one event about a link into the book: names, counts and codes, never what it holds."""
    said = {name: value for name, value in details.items() if value not in ("", None, [])}
    audit.record(action, actor=actor, client=handover.client_id, subject=handover, details=said)
