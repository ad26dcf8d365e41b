"""The checklist of a new installation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.urls import NoReverseMatch, reverse

from dashboard.needs import url_of
from integrations.models import CallHour, Connection, GatewayToken

if TYPE_CHECKING:
    from secrets_vault.models import User


@dataclass(frozen=True)
class Step:
    """One step: done or not, and where to do it (nothing while that page does not exist)."""

    title: str
    text: str
    url: str
    action: str
    is_done: bool


def first_steps(user: User, client_ids: Sequence[UUID]) -> list[Step]:
    """Return the steps to a first call through the gateway; an empty list once there was one.

    That is asked first: in an installation at work this is one query.
    """
    if CallHour.objects.filter(client_id__in=client_ids).exists():
        return []
    has_connection = Connection.objects.visible_to(user).exists()
    has_token = GatewayToken.objects.visible_to(user).exists()
    return [
        Step("Secure your sign-in", "A passkey or an authenticator app, besides the password.", mfa_url(), "Set it up",
             Authenticator.objects.filter(user=user).exists()),
        Step("Add a client", "A client holds its own secrets and connections, in production and staging.",
             url_of("new_client"), "Add a client", bool(client_ids)),
        Step("Connect something", "Store an API key, or connect HubSpot by consent.",
             url_of("connect") if bool(client_ids) else "", "New connection", has_connection),
        Step("Make a gateway token", "An automation holds it instead of the credential.",
             url_of("connections") if has_connection else "", "Choose a connection", has_token),
        Step("Send a first call through the gateway", "Its trace appears under Errors and Limits; secrets are masked.",
             url_of("connections") if has_token else "", "Send a test call", False),
    ]  # fmt: skip


def mfa_url() -> str:
    """Return where a second factor is set up."""
    try:
        return reverse("mfa_index")
    except NoReverseMatch:
        return ""
