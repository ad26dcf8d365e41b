"""A new endpoint, its secret and its targets: made, changed, and written in the book."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from ipaddress import ip_network
from secrets import token_bytes
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from integrations.errors import IntegrationError
from integrations.models import WebhookEndpoint, WebhookTarget
from integrations.models.webhook import OPEN_STATES
from integrations.outbound import BadRequest, Origin, split_url
from integrations.providers.reading import BadFacts
from integrations.webhooks import sealing
from integrations.webhooks.endpoints import NO_VERIFICATION
from integrations.webhooks.schemes.registry import UnknownScheme, custom_scheme, get_scheme
from integrations.webhooks.schemes.shape import CUSTOM, Scheme
from secrets_vault import audit, generation, vault
from secrets_vault.actor import Actor
from secrets_vault.errors import Unreadable
from secrets_vault.models import Client, Environment, StoredSecret
from secrets_vault.secret import Secret

SLUG_LENGTH = 80
LOOPBACK = ("localhost", "127.0.0.1", "::1")
RESERVED = ("new", "acts", "events", "targets", "quarantine", "dead-letters")  # /webhooks/new/ is a page
KIND = StoredSecret.Kind.WEBHOOK_SECRET


class CannotMakeEndpoint(IntegrationError):
    """An endpoint or target cannot be made like this. `field` names what to correct; the message says how."""

    code = "cannot_make_endpoint"

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        super().__init__(reason)


def address_of(endpoint: WebhookEndpoint) -> str:
    """Return the address that the vendor is given; some schemes sign it, so it is never rebuilt from a request."""
    return f"{settings.KEYLODGE_PUBLIC_URL}/hooks/{endpoint.slug}"


def create_endpoint(
    client: Client,
    environment: Environment,
    *,
    slug: str,
    scheme_key: str,
    actor: Actor,
    now: datetime,
    custom: Mapping[str, Any] | None = None,
    secret: Secret | None = None,
    made_on: date | None = None,
    **about: Any,
) -> WebhookEndpoint:
    """Return a new endpoint, its secret stored. Raises CannotMakeEndpoint or VaultError.

    `about`: further columns (name, ip_ranges, per_minute …). The scheme "none" verifies nothing and must be
    asked for by `is_verified_required=False`.
    """
    if environment.client_id != client.pk:
        raise CannotMakeEndpoint("environment", _("the environment belongs to another client"))
    check_scheme(scheme_key, custom, is_verified_required=about.get("is_verified_required", True))
    try:
        with transaction.atomic():
            endpoint = WebhookEndpoint.objects.create(
                slug=checked_slug(slug), client=client, environment=environment, scheme_key=scheme_key,
                custom=dict(custom) if custom is not None else None, created_at=now,
                **{"is_demo": client.is_demo, **_checked(about)},
            )  # fmt: skip
            record(endpoint, "webhook.created", actor=actor, scheme=scheme_key)
            if secret is not None:
                set_secret(endpoint, secret, actor=actor, made_on=made_on)
            generation.bump()
    except IntegrityError:
        raise CannotMakeEndpoint("slug", _("there is already a webhook endpoint {slug}").format(slug=slug)) from None
    return endpoint


def change_endpoint(endpoint: WebhookEndpoint, *, actor: Actor, **changes: Any) -> list[str]:
    """Write what differs and return the names of it. The slug never changes. Raises CannotMakeEndpoint."""
    changed = {name: value for name, value in _checked(changes).items() if getattr(endpoint, name) != value}
    if not changed:
        return []
    after = {name: changed.get(name, getattr(endpoint, name)) for name in SCHEME_COLUMNS}
    check_scheme(after["scheme_key"], after["custom"], is_verified_required=after["is_verified_required"])
    with transaction.atomic():
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**changed)
        record(endpoint, "webhook.changed", actor=actor, changed=sorted(changed))
        generation.bump()
    for name, value in changed.items():
        setattr(endpoint, name, value)
    return sorted(changed)


SCHEME_COLUMNS = ("scheme_key", "custom", "is_verified_required")


def set_secret(
    endpoint: WebhookEndpoint,
    secret: Secret,
    *,
    actor: Actor,
    made_on: date | None = None,
    rotate_after_days: int | None = None,
    reason: str = "",
) -> bool:
    """Store the vendor's signing secret, or a new version where it differs; tell whether it did.

    The version before stays valid for a while (`rolling.py`). Raises VaultError.
    """
    stored = endpoint.secret
    if stored is not None:
        if _holds(stored, secret):
            return False
        vault.replace(stored, {"secret": secret}, actor=actor, made_on=made_on, reason=reason)
        endpoint.refresh_from_db(fields=["previous_until"])
        return True
    with transaction.atomic():
        endpoint.secret = vault.store(
            actor=actor,
            client=endpoint.client,
            environment=endpoint.environment,
            kind=KIND,
            label=f"{endpoint} webhook"[:120],
            fields={"secret": secret},
            made_on=made_on,
            rotate_after_days=rotate_after_days,
            reason=reason,
        )
        endpoint.save(update_fields=["secret"])
        generation.bump()
    return True


def _holds(stored: StoredSecret, secret: Secret) -> bool:
    try:
        return vault.holds(stored, {"secret": secret})
    except Unreadable:
        return False


def add_target(
    endpoint: WebhookEndpoint, url: Secret, *, actor: Actor, now: datetime, name: str = "", **about: Any
) -> WebhookTarget:
    """Return a new target with a signing secret of its own, made here. Raises CannotMakeEndpoint."""
    host = checked_url(url)
    target = WebhookTarget(endpoint=endpoint, name=name, created_at=now, **about)
    sealing.seal_url(target, url, client=endpoint.client)
    with transaction.atomic():
        target.signing_secret = vault.store(
            actor=actor,
            client=endpoint.client,
            environment=endpoint.environment,
            kind=KIND,
            label=f"{endpoint} to {name or host}"[:120],
            fields={"secret": new_signing_secret()},
            made_on=now.date(),
        )
        target.save()
        record(endpoint, "webhook.target_added", actor=actor, target=str(target.pk), host=host)
        generation.bump()
    return target


def move_target(target: WebhookTarget, url: Secret, *, actor: Actor) -> None:
    """Give a target another address. What waits for it goes there. Raises CannotMakeEndpoint."""
    host = checked_url(url)
    sealing.seal_url(target, url, client=target.endpoint.client)
    with transaction.atomic():
        target.save(update_fields=["url_sealed", "url_masked"])
        record(target.endpoint, "webhook.target_changed", actor=actor, target=str(target.pk), host=host)
        generation.bump()


def remove_target(target: WebhookTarget, *, actor: Actor) -> None:
    """Hand nothing on to this target any more. Its deliveries go with it. Raises CannotMakeEndpoint while some wait."""
    waiting = target.deliveries.filter(state__in=OPEN_STATES).count()
    if waiting:
        reason = _("{n} events still wait for {target}; deliver or discard them first")
        raise CannotMakeEndpoint("forward_to", reason.format(n=waiting, target=target))
    signing_secret = target.signing_secret
    with transaction.atomic():
        record(target.endpoint, "webhook.target_removed", actor=actor, target=str(target.pk))
        target.delete()
        if signing_secret is not None:
            vault.delete(signing_secret, actor=actor, reason="its webhook target was removed")
        generation.bump()


def new_signing_secret() -> Secret:
    """Return a secret as Standard Webhooks writes it: whsec_ and 32 random bytes in base64."""
    return Secret("whsec_" + base64.b64encode(token_bytes(32)).decode())


def check_scheme(key: str, custom: Mapping[str, Any] | None, *, is_verified_required: bool = True) -> Scheme | None:
    """Return the scheme, None for the one that verifies nothing. Raises CannotMakeEndpoint."""
    if (key == CUSTOM) != (custom is not None):
        raise CannotMakeEndpoint("custom", _('the parameters and the scheme "custom" belong together'))
    if key == NO_VERIFICATION:
        if is_verified_required:
            raise CannotMakeEndpoint("scheme", _("an endpoint that verifies nothing must be asked for as such"))
        return None
    try:
        return custom_scheme(custom) if custom is not None else get_scheme(key)
    except UnknownScheme:
        raise CannotMakeEndpoint("scheme", _("there is no webhook scheme {key}").format(key=key)) from None
    except BadFacts as error:
        raise CannotMakeEndpoint(f"custom.{error.field}", error.reason) from None


def checked_slug(slug: str) -> str:
    """Return the slug, which stands in a URL for ever. Raises CannotMakeEndpoint."""
    if slug != slugify(slug) or not 0 < len(slug) <= SLUG_LENGTH:
        raise CannotMakeEndpoint("slug", _("use lower case letters, digits and hyphens, at most 80"))
    if slug in RESERVED:
        raise CannotMakeEndpoint("slug", _("{slug} is the address of a page; choose another").format(slug=slug))
    return slug


def checked_url(url: Secret) -> str:
    """Return the host of an address to hand on to. Raises CannotMakeEndpoint; the message holds nothing of it."""
    try:
        origin, path = split_url(url.expose())
    except (BadRequest, UnicodeError):
        reason = _("must be http:// or https:// with a plain host name, without user, password or #")
        raise CannotMakeEndpoint("forward_to", reason) from None
    if is_our_own(origin, path):
        reason = _("is an endpoint of Keylodge itself: the events would go round in a circle")
        raise CannotMakeEndpoint("forward_to", reason)
    return origin.host


def is_our_own(origin: Origin, path: bytes) -> bool:
    """Tell whether an address leads to our own inlet, by its public name or by a loopback one."""
    public, _path = split_url(settings.KEYLODGE_PUBLIC_URL)
    is_here = origin.host in LOOPBACK and origin.port in (settings.KEYLODGE_PORT, public.port)
    return (origin == public or is_here) and path.startswith(b"/hooks/")


def _checked(about: Mapping[str, Any]) -> dict[str, Any]:
    ranges: Sequence[str] = about.get("ip_ranges") or ()
    try:
        for written in ranges:
            ip_network(written)
    except ValueError:
        reason = _("must be addresses or ranges such as 192.0.2.0/24")
        raise CannotMakeEndpoint("ip_ranges", reason) from None
    return dict(about)


def record(endpoint: WebhookEndpoint, action: str, *, actor: Actor, **details: Any) -> None:
    """Write one event about an endpoint into the book: codes, names and counts, never a value."""
    audit.record(
        action,
        actor=actor,
        client=endpoint.client_id,
        subject=endpoint,
        label=endpoint.slug,
        details={name: value for name, value in details.items() if value not in ("", None, [])},
    )
