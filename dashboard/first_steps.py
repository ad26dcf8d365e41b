"""The checklist of a new installation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from dashboard.need import url_of
from integrations.models import ClientHour, Connection, GatewayToken

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


def first_steps(user: User, client_ids: Sequence[UUID], *, has_called: bool) -> list[Step]:
    """Return the steps to a first call through the gateway; an empty list once there was one.

    `has_called`: the page has seen a call of these clients already. In an installation at work nothing is asked.
    """
    if has_called or ClientHour.objects.filter(client_id__in=client_ids).exists():
        return []
    has_connection = Connection.objects.visible_to(user).exists()
    has_token = GatewayToken.objects.visible_to(user).exists()
    return [
        Step(
            _("Secure your sign-in"),
            _("A passkey or an authenticator app, besides the password."),
            mfa_url(),
            _("Set it up"),
            Authenticator.objects.filter(user=user).exists(),
        ),
        Step(
            _("Add a client"),
            _("A client holds its own secrets and connections, in production and staging."),
            url_of("new_client"),
            _("Add a client"),
            bool(client_ids),
        ),
        Step(
            _("Connect something"),
            _("Store an API key, or connect HubSpot by consent."),
            url_of("connect") if bool(client_ids) else "",
            _("New connection"),
            has_connection,
        ),
        Step(
            _("Make a gateway token"),
            _("An automation holds it instead of the credential."),
            url_of("connections") if has_connection else "",
            _("Choose a connection"),
            has_token,
        ),
        Step(
            _("Send a first call through the gateway"),
            _("Its trace appears under Errors and Limits; secrets are masked."),
            url_of("connections") if has_token else "",
            _("Send a test call"),
            False,
        ),
    ]


def mfa_url() -> str:
    """Return where a second factor is set up."""
    try:
        return reverse("mfa_index")
    except NoReverseMatch:
        return ""
