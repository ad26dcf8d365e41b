"""What the demo's clients have besides: a rotation under way, one that was ended, and an issuer that is trusted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from integrations import trusted_issuers
from integrations.models import Call, Connection, SecretRotation
from integrations.rotating import guided
from integrations.trusted_issuers import Terms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from dashboard.demo_data.calls import Caller
    from secrets_vault.actor import Actor
    from secrets_vault.secret import Secret

ISSUER = "https://token.actions.githubusercontent.com"
TERMS = Terms(
    issuer=ISSUER,
    audience="demo.invalid",  # nobody can be meant by it, so nothing opens
    algs=["RS256"],
    claims={"sub": "repo:demo/website:ref:refs/heads/main"},
    jwks_url=f"{ISSUER}/.well-known/jwks",
)


def begin_one(caller: Caller, *, actor: Actor, now: datetime) -> None:
    """Leave a rotation at its first step: the new key is yet to be made."""
    if caller.connection.secret is not None:
        guided.start(caller.connection.secret, actor=actor, now=now - timedelta(hours=3), reason="DEMO: somebody left")


def end_one(caller: Caller, fields: Mapping[str, Secret], *, actor: Actor, now: datetime) -> None:
    """Go through a whole rotation. Nothing is called: the end of the old one rests on a person's word."""
    if caller.connection.secret is None:
        return
    begun = guided.start(caller.connection.secret, actor=actor, now=now - timedelta(days=2), reason="DEMO: due")
    begun.connection = None  # without one there is no call to prove anything with
    begun.save(update_fields=["connection"])
    made_on = (now - timedelta(days=2)).date()
    guided.keep_new(begun, fields, actor=actor, now=now - timedelta(hours=47), made_on=made_on)
    guided.try_new(begun, actor=actor, now=now - timedelta(hours=47))
    guided.switch(begun, actor=actor, now=now - timedelta(hours=46))
    guided.say_revoked(begun, actor=actor, now=now - timedelta(hours=20))
    guided.prove(begun, actor=actor, now=now - timedelta(hours=20))


def move_calls() -> None:
    """Let the calls after a switch go with the new one, as they would have."""
    for row in SecretRotation.objects.filter(client__is_demo=True, switched_at__isnull=False):
        if row.new_version is not None:
            ids = list(Connection.objects.filter(secret=row.secret_id).values_list("pk", flat=True))
            since = Call.objects.filter(connection_id__in=ids, at__gte=row.switched_at)
            since.update(secret_version=row.new_version.number)


def trust_one(caller: Caller, *, actor: Actor) -> None:
    """Let an automation of this caller's sign in by a JWT, as far as the demo goes."""
    trusted_issuers.trust(caller.connection.gateway_tokens.get(), TERMS, actor=actor)
