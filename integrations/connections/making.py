"""A new connection: one client × environment × provider, with a slug that never changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from integrations.errors import IntegrationError
from integrations.models import Connection, CustomProvider, OAuthApp
from integrations.providers.registry import get_provider
from integrations.providers.versions import pinned
from integrations.status import record
from secrets_vault.actor import Actor
from secrets_vault.models import Client, Environment

SLUG_LENGTH = 80
RESERVED = ("new",)  # /connections/new/ is a page


class CannotMake(IntegrationError):
    """A connection cannot be made like this. `field` names what to correct; the message says how."""

    code = "cannot_make"

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        super().__init__(reason)


def create_connection(
    client: Client,
    environment: Environment,
    *,
    provider_key: str,
    kind: str,
    actor: Actor,
    now: datetime,
    slug: str = "",
    label: str = "",
    variables: Mapping[str, str] | None = None,
    oauth_app: OAuthApp | None = None,
    requested_scopes: Iterable[str] = (),
    expected_account_id: str = "",
    awaits_variables: bool = False,
) -> Connection:
    """Return a new connection, not connected yet. Raises CannotMake, BadVariable or ProviderNotFound.

    With `awaits_variables` the parts of its URLs may be missing: the client will say them on the page of a link.
    """
    provider = get_provider(provider_key).of_kind(kind)
    provider.injection_for(kind)
    if not awaits_variables:
        provider.render(variables or {})
    _check(client, environment, provider_key=provider_key, oauth_app=oauth_app)
    try:
        with transaction.atomic():
            connection = Connection.objects.create(
                slug=checked_slug(slug) if slug else free_slug(client, environment, provider_key=provider_key),
                client=client,
                environment=environment,
                provider_key=provider_key,
                kind=kind,
                label=label,
                variables=pinned(provider) | dict(variables or {}),
                oauth_app=oauth_app,
                requested_scopes=list(requested_scopes),
                expected_account_id=expected_account_id,
                status_since=now,
                is_sandbox=client.is_sandbox or is_of_the_sandbox(provider_key),
                is_demo=client.is_demo,
            )
            record(connection, "connection.created", actor=actor, provider=provider_key, kind=kind)
    except IntegrityError:
        raise CannotMake("slug", _("there is already a connection {slug}").format(slug=slug)) from None
    return connection


def _check(client: Client, environment: Environment, *, provider_key: str, oauth_app: OAuthApp | None) -> None:
    if environment.client_id != client.pk:
        raise CannotMake("environment", "the environment belongs to another client")
    if oauth_app is None:
        return
    if oauth_app.provider_key != provider_key:
        raise CannotMake("oauth_app", _("the OAuth app belongs to another provider"))
    if oauth_app.for_client_id not in (None, client.pk):
        raise CannotMake("oauth_app", _("the OAuth app belongs to another client"))


def checked_slug(slug: str) -> str:
    """Return the slug, which stands in a URL for ever. Raises CannotMake."""
    if slug != slugify(slug) or not 0 < len(slug) <= SLUG_LENGTH:
        raise CannotMake("slug", _("use lower case letters, digits and hyphens, at most 80"))
    if slug in RESERVED:
        raise CannotMake("slug", _("{slug} is the address of a page; choose another").format(slug=slug))
    return slug


def free_slug(client: Client, environment: Environment, *, provider_key: str) -> str:
    """Return a slug that is free: client and provider, the environment unless it is production, a number if need be."""
    words = [client.slug, provider_key.removeprefix("custom-")]
    words += [] if environment.is_production else [environment.slug]
    wanted = slugify("-".join(words).replace("_", "-"))[: SLUG_LENGTH - 4].strip("-")
    taken = set(Connection.objects.filter(slug__startswith=wanted).values_list("slug", flat=True))
    if wanted not in taken:
        return wanted
    return next(found for number in range(2, len(taken) + 3) if (found := f"{wanted}-{number}") not in taken)


def is_of_the_sandbox(provider_key: str) -> bool:
    """Tell whether a provider is one of the sandbox's: what happens to it is told under Messages only."""
    return CustomProvider.objects.filter(key=provider_key, is_sandbox=True).exists()
