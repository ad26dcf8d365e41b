"""Templates of requests: what every new client of a kind is asked for, and the connections that this needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from integrations.connections.making import create_connection
from integrations.errors import IntegrationError
from integrations.links.link import LinkRefused
from integrations.links.requests import Ask
from integrations.models import Connection, LinkItem, LinkTemplate
from integrations.oauth.app import usable_apps
from integrations.providers.registry import get_provider
from integrations.providers.shape import BadVariable
from secrets_vault import audit
from secrets_vault.actor import Actor
from secrets_vault.models import Environment


@dataclass(frozen=True)
class Wanted:
    """One line of a template."""

    provider_key: str
    kind: str
    lands_as: str = LinkItem.LandsAs.CURRENT

    @classmethod
    def of(cls, table: dict[str, Any]) -> Wanted:
        """Return a line as it is kept."""
        return cls(table["provider_key"], table["kind"], table.get("lands_as", LinkItem.LandsAs.CURRENT))

    def kept(self) -> dict[str, str]:
        """Return the line as it is to be kept."""
        return {"provider_key": self.provider_key, "kind": self.kind, "lands_as": self.lands_as}


def template_choices() -> QuerySet[LinkTemplate]:
    """Return the installation's templates by name."""
    return LinkTemplate.objects.order_by("name")


def keep_template(
    name: str, lines: list[Wanted], *, why: str, actor: Actor, template: LinkTemplate | None = None
) -> LinkTemplate:
    """Keep a new template, or an old one as it is now. Raises IntegrityError for a name that is taken."""
    is_new = template is None
    kept = template or LinkTemplate()
    kept.name, kept.why, kept.asks = name, why, [line.kept() for line in lines]
    with transaction.atomic():
        kept.save()
        action = "link_template.made" if is_new else "link_template.changed"
        audit.record(action, actor=actor, subject=kept, label=name, details={"items": len(lines)})
    return kept


def delete_template(template: LinkTemplate, *, actor: Actor) -> None:
    """Remove a template; the links that were made from it stay."""
    with transaction.atomic():
        audit.record("link_template.deleted", actor=actor, subject=template, label=template.name)
        template.delete()


def asks_of(template: LinkTemplate, place: Environment, *, actor: Actor, now: datetime) -> list[Ask]:
    """Return what a template asks this environment for; a connection that is missing is made. Needs a transaction.

    Raises LinkRefused naming the line that cannot be asked for yet.
    """
    return list(_asks(template, place, actor=actor, now=now))


def _asks(template: LinkTemplate, place: Environment, *, actor: Actor, now: datetime) -> Iterator[Ask]:
    for line in map(Wanted.of, template.asks):
        there = Connection.objects.filter(environment=place, provider_key=line.provider_key, kind=line.kind)
        found = there.order_by("pk").first()
        yield Ask(found or _made(line, place, actor=actor, now=now), line.lands_as)


def _made(line: Wanted, place: Environment, *, actor: Actor, now: datetime) -> Connection:
    try:
        name = get_provider(line.provider_key).name
        apps = usable_apps(line.provider_key, place.client) if line.kind == Connection.Kind.OAUTH2 else []
        if line.kind == Connection.Kind.OAUTH2 and not apps:
            raise LinkRefused(_("{name} needs an OAuth app first.").format(name=name))
        return create_connection(
            place.client,
            place,
            provider_key=line.provider_key,
            kind=line.kind,
            actor=actor,
            now=now,
            oauth_app=apps[0] if apps else None,
            awaits_variables=True,
        )
    except (BadVariable, IntegrationError) as refused:
        raise LinkRefused(str(refused)) from None
