"""What a client has here: everything that gives access, when it was last used, and what is called to this day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Max, Q

from integrations.handover.state import is_open
from integrations.models import (
    ApiToken,
    CalendarFeed,
    Call,
    ClientLink,
    Connection,
    GatewayToken,
    Handover,
    OffboardingItem,
    TrustedIssuer,
    WebhookEndpoint,
    WebhookEvent,
)
from integrations.models.call import Source
from integrations.providers.gone import shown_provider
from secrets_vault.access import VisibleQuerySet
from secrets_vault.models import Client, Membership, SecretField, StoredSecret

Kind = OffboardingItem.Kind
LATELY = timedelta(days=7)
MOST_LABEL = 200
NEVER_LISTED = (StoredSecret.Kind.SYSTEM,)


@dataclass(frozen=True)
class Inventory:
    """How much of each there is, and what would break: names with the time of their last use."""

    connections: int
    secrets: int
    tokens: int
    api_tokens: int
    endpoints: int
    links: int
    issuers: int
    feeds: int
    handovers: int
    people: int
    still_called: list[tuple[str, datetime]]
    still_arriving: list[tuple[str, datetime]]

    @property
    def is_busy(self) -> bool:
        """Tell whether something was called, or arrived, within the last week."""
        return bool(self.still_called or self.still_arriving)


def inventory_of(client: Client, *, now: datetime) -> Inventory:
    """Count what a client has, without opening anything."""
    return Inventory(
        connections=Connection.objects.filter(client=client).count(),
        secrets=living_secrets(client).count(),
        tokens=living_tokens(client, now=now).count(),
        api_tokens=living_api_tokens(client, now=now).count(),
        endpoints=WebhookEndpoint.objects.filter(client=client, disabled_at=None).count(),
        links=open_links(client, now=now).count(),
        issuers=issuers(client).count(),
        feeds=CalendarFeed.objects.filter(client=client).count(),
        handovers=open_handovers(client, now=now).count(),
        people=Membership.objects.filter(client=client, state=Membership.State.ACTIVE).count(),
        still_called=_still_called(client, now=now),
        still_arriving=_still_arriving(client, now=now),
    )


def _still_called(client: Client, *, now: datetime) -> list[tuple[str, datetime]]:
    calls = Call.objects.filter(client_id=client.pk, at__gt=now - LATELY, source=Source.GATEWAY)
    newest = dict(calls.order_by().values_list("connection_id").annotate(newest=Max("at")))
    rows = Connection.objects.filter(pk__in=[pk for pk in newest if pk]).only("slug", "label")
    return sorted(((str(row), newest[row.pk]) for row in rows), key=lambda row: row[1], reverse=True)


def _still_arriving(client: Client, *, now: datetime) -> list[tuple[str, datetime]]:
    rows = WebhookEvent.objects.filter(client=client, received_at__gt=now - LATELY).order_by()
    newest = rows.values_list("endpoint__slug").annotate(newest=Max("received_at"))
    return sorted(newest, key=lambda row: row[1], reverse=True)


def living_tokens(client: Client, *, now: datetime) -> VisibleQuerySet:
    """Return the gateway tokens that open something today."""
    return GatewayToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), client=client, revoked_at=None)


def living_api_tokens(client: Client, *, now: datetime) -> VisibleQuerySet:
    """Return the tokens by which other tools report errors today."""
    return ApiToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), client=client, revoked_at=None)


def issuers(client: Client) -> VisibleQuerySet:
    """Return whose JWTs open a gateway token of the client's."""
    return TrustedIssuer.objects.filter(token__client=client)


def living_secrets(client: Client) -> VisibleQuerySet:
    """Return the stored secrets that are in use."""
    return StoredSecret.objects.filter(client=client, deleted_at=None).exclude(kind__in=NEVER_LISTED)


def open_links(client: Client, *, now: datetime) -> VisibleQuerySet:
    """Return the links that the client could still open."""
    return ClientLink.objects.filter(client=client, used_at=None, revoked_at=None, expires_at__gt=now)


def open_handovers(client: Client, *, now: datetime) -> VisibleQuerySet:
    """Return the one-time links that can still be read."""
    return Handover.objects.filter(is_open(now), client=client)


def items_of(client: Client, *, now: datetime) -> Iterator[OffboardingItem]:
    """Yield what is to be ended, in the order in which it is: callers first, then what they reached."""
    for token in living_tokens(client, now=now):
        yield OffboardingItem(
            kind=Kind.TOKEN,
            object_id=token.pk,
            label=f"{token.name} ({token.prefix}…)",
            last_used_at=token.last_used_at,
        )
    for reporter in living_api_tokens(client, now=now):
        yield OffboardingItem(
            kind=Kind.API_TOKEN,
            object_id=reporter.pk,
            label=f"{reporter.name} ({reporter.prefix}…)",
            last_used_at=reporter.last_used_at,
        )
    for issuer in issuers(client).select_related("token"):
        label = f"{issuer.token.name}: {issuer.issuer}"[:MOST_LABEL]
        yield OffboardingItem(kind=Kind.ISSUER, object_id=issuer.pk, label=label)
    for endpoint in WebhookEndpoint.objects.filter(client=client, disabled_at=None):
        yield OffboardingItem(
            kind=Kind.ENDPOINT, object_id=endpoint.pk, label=str(endpoint), last_used_at=endpoint.last_event_at
        )
    for link in open_links(client, now=now):
        yield OffboardingItem(kind=Kind.LINK, object_id=link.pk, label=str(link), last_used_at=link.opened_at)
    for feed in CalendarFeed.objects.filter(client=client):
        yield OffboardingItem(kind=Kind.FEED, object_id=feed.pk, label=client.name)
    yield from _credentials(client)


def _credentials(client: Client) -> Iterator[OffboardingItem]:
    asks_itself = Q(kind=Connection.Kind.CLIENT_CREDENTIALS, oauth_app__isnull=False)
    has_one = Q(secret__isnull=False) | Q(grant_secret__isnull=False) | asks_itself
    rows = Connection.objects.filter(has_one, client=client)
    used = set()
    for connection in rows.select_related("secret", "grant_secret", "environment"):
        # The longer-lived one is what has to end; of an app that asks for itself, that is the app's own.
        stored = connection.grant_secret or connection.secret
        provider = shown_provider(connection)
        kind = Kind.GRANT if connection.kind == Connection.Kind.OAUTH2 else Kind.KEY
        used |= {connection.secret_id, connection.grant_secret_id} - {None}  # what goes beside a token ends by itself
        yield OffboardingItem(
            kind=kind,
            object_id=connection.pk,
            label=f"{connection} ({connection.environment})",
            provider=provider.name,
            how_url=provider.rotation.how_url if provider.rotation else "",
            fingerprints=fingerprints_of(stored) if stored else [],
            last_used_at=stored.last_used_at if stored else None,
        )
    for stored in living_secrets(client).exclude(pk__in=used).exclude(kind="webhook_secret"):
        yield OffboardingItem(
            kind=Kind.SECRET,
            object_id=stored.pk,
            label=stored.label,
            provider=stored.provider_key or stored.elsewhere_place,
            how_url=stored.elsewhere_url,
            fingerprints=fingerprints_of(stored),
            last_used_at=stored.last_used_at,
        )


def fingerprints_of(stored: StoredSecret) -> list[str]:
    """Return the keyed fingerprints of a secret's current values in hex: they name a value and give nothing away."""
    rows = SecretField.objects.filter(version=F("version__secret__current"), version__secret=stored)
    found = rows.exclude(fingerprint=None).values_list("fingerprint", flat=True)
    return [bytes(fingerprint).hex() for fingerprint in found]
