"""From the last form of a way that needs nobody's consent to a connection that has what it asks for tokens with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.pages.connecting.forms import NewConnection, form_for
from dashboard.pages.connecting.grant_forms import (
    AppConnection,
    ExchangedConnection,
    ImportedConnection,
    KeyConnection,
)
from dashboard.pages.connecting.ways import APP, EXCHANGE, IMPORT, KEY
from integrations.connections import granting

if TYPE_CHECKING:
    from datetime import datetime

    from integrations.models import Connection
    from secrets_vault.actor import Actor

FORMS: dict[str, type[NewConnection]] = {
    APP: AppConnection,
    KEY: KeyConnection,
    EXCHANGE: ExchangedConnection,
    IMPORT: ImportedConnection,
}


def form_of(way: str) -> type[NewConnection]:
    """Return the form that a way in needs."""
    return FORMS.get(way) or form_for(way)


def is_granted(form: NewConnection) -> bool:
    """Tell whether the form makes a connection that asks for its own tokens, or brings tokens along."""
    return isinstance(form, tuple(FORMS.values()))


def store(connection: Connection, form: NewConnection, *, actor: Actor, now: datetime) -> None:
    """Keep what the form holds. Raises BadValue, CannotStart."""
    if isinstance(form, KeyConnection):
        key = form.read_key()
        assert key is not None  # noqa: S101 - for the type checker: the form has asked for it
        granting.connect_jwt(connection, key, form.claims(), actor=actor, now=now, **form.about())
    elif isinstance(form, ExchangedConnection):
        granting.connect_exchange(connection, form.values(), actor=actor, now=now, **form.about())
    elif isinstance(form, ImportedConnection):
        tokens = form.tokens()
        granting.import_tokens(
            connection,
            refresh_token=tokens["refresh_token"],
            access_token=tokens["access_token"],
            actor=actor,
            now=now,
        )
    else:
        granting.connect_app(connection, actor=actor, now=now)
