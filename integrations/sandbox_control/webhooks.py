"""The sandbox as a sender of webhooks: an endpoint of its own for each vendor it plays, and a workflow behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.models import WebhookEndpoint
from integrations.sandbox_control import running
from integrations.sandbox_control.facts import NAMES
from integrations.sandbox_control.running import SandboxFailed
from integrations.webhooks import making, sealing
from integrations.webhooks.test_sender import own_address
from secrets_vault import audit
from secrets_vault.actor import Actor
from secrets_vault.clients import create_client
from secrets_vault.errors import Unreadable
from secrets_vault.models import Client, Environment
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

SCHEMES = {"stripe": "stripe", "hubspot": "hubspot_v3"}
SECRETS = {"stripe": "stripe_webhook_secret", "hubspot": "client_secret"}  # HubSpot signs with the app's own
REASON = "made for the sandbox"


@dataclass(frozen=True)
class Hook:
    """One kind of sending in plain words, what to look at next, and what the control URL is told."""

    words: StrOrPromise
    next: StrOrPromise
    of: str = "stripe"
    asked: dict[str, Any] = field(default_factory=dict, repr=False)
    expected: int = 200


HOOKS: dict[str, Hook] = {
    "hook_stripe": Hook(
        gettext_lazy("Send a Stripe event"),
        gettext_lazy("It is verified, kept and handed on. Look at it under Webhooks."),
    ),
    "hook_hubspot": Hook(
        gettext_lazy("Send a HubSpot event"),
        gettext_lazy("HubSpot signs the address too. Look at the signed text on the event’s page."),
        of="hubspot",
    ),
    "hook_twice": Hook(
        gettext_lazy("Send the same event twice"),
        gettext_lazy("Both are answered 200. One event is kept and handed on, the other is counted."),
        asked={"duplicate": True},
    ),
    "hook_tampered": Hook(
        gettext_lazy("Send a tampered event"),
        gettext_lazy("It is refused with 401 and kept in quarantine. Its page says why."),
        asked={"tampered": True},
        expected=401,
    ),
    "hook_stale": Hook(
        gettext_lazy("Send an event of an hour ago"),
        gettext_lazy("It is rightly signed, and refused all the same: somebody may have caught it."),
        asked={"stale": True},
        expected=401,
    ),
    "hook_wrong_secret": Hook(
        gettext_lazy("Send twelve events signed with another secret"),
        gettext_lazy("Within a minute Today says that the secret is probably wrong."),
        asked={"times": 12, "secret": "whsec_anothersecretthanthestoredone"},
        expected=401,
    ),
}


def send(kind: str, *, actor: Actor, now: datetime | None = None) -> Hook:
    """Let the sandbox send, to an endpoint that is made if need be. Raises SandboxFailed; KeyError for other kinds."""
    hook = HOOKS[kind]
    known = running.recorded()
    if not known or not known.get("is_wanted"):
        raise SandboxFailed(_("The sandbox is not running. Start it first."))
    keys = running.control(known, "GET", path="/keys")
    secret = Secret(keys[SECRETS[hook.of]])
    with transaction.atomic():
        endpoint = endpoint_for(hook.of, known, secret, actor=actor, now=now or timezone.now())
    order = {
        "url": f"{own_address()}/hooks/{endpoint.slug}",
        "signed_url": making.address_of(endpoint),
        "scheme": SCHEMES[hook.of],
        "secret": secret.expose(),
    }
    sent = running.control(known, "POST", {"webhook": order | hook.asked})["sent"]
    if sent["status"] is None:
        raise SandboxFailed(_("The sandbox cannot reach Keylodge at {url}.").format(url=own_address()))
    if sent["status"] != hook.expected:
        said = _("Keylodge answered {status}, not {expected}. Look at the endpoint {name} under Webhooks.")
        raise SandboxFailed(said.format(status=sent["status"], expected=hook.expected, name=endpoint))
    with transaction.atomic():
        audit.record("sandbox.webhook", actor=actor, client=endpoint.client_id, details={"kind": kind, **_said(sent)})
    return hook


def endpoint_for(of: str, known: dict[str, Any], secret: Secret, *, actor: Actor, now: datetime) -> WebhookEndpoint:
    """Return the endpoint of one vendor that the sandbox plays, its secret and its target as they are today."""
    environment = _environment(actor)
    found = WebhookEndpoint.objects.select_related("client", "secret__current").filter(client=environment.client)
    endpoint = found.filter(name=NAMES[of]).first()
    if endpoint is None:
        slug = f"{environment.client.slug}-{of}"
        about: dict[str, Any] = {
            "name": NAMES[of],
            "slug": slug,
            "scheme_key": SCHEMES[of],
            "secret": secret,
            "made_on": now.date(),
        }
        endpoint = making.create_endpoint(environment.client, environment, actor=actor, now=now, **about)
    elif making.set_secret(endpoint, secret, actor=actor, made_on=now.date(), reason=REASON):
        endpoint.refresh_from_db()
    _aim(endpoint, Secret(f"{known['url']}/workflow/{of}"), actor=actor, now=now)
    return endpoint


def _aim(endpoint: WebhookEndpoint, url: Secret, *, actor: Actor, now: datetime) -> None:
    """Let the first target be the sandbox's workflow, wherever the sandbox listens today."""
    target = endpoint.targets.first()
    if target is None:
        making.add_target(endpoint, url, actor=actor, now=now, name=str(_("Workflow (sandbox)")))
        return
    try:
        is_there = sealing.open_url(target, client=endpoint.client) == url
    except Unreadable:
        is_there = False
    if not is_there:
        making.move_target(target, url, actor=actor)


def _environment(actor: Actor) -> Environment:
    """Return the environment of the client that stands for the sandbox: nothing of it is mailed or reported."""
    client = Client.objects.filter(is_sandbox=True).order_by("created_at").first()
    if client is None:
        slug = "sandbox" if not Client.objects.filter(slug="sandbox").exists() else "keylodge-sandbox"
        client = create_client(name=str(_("Sandbox")), slug=slug, environments=["test"], actor=actor)
        Client.objects.filter(pk=client.pk).update(is_sandbox=True)
    environment: Environment = client.environments.order_by("position", "id")[:1].get()
    return environment


def _said(sent: dict[str, Any]) -> dict[str, Any]:
    return {"status": sent["status"], "count": len(sent["statuses"])}
