"""What happens in the demo: who the clients are, what they call, and how it fails."""

from __future__ import annotations

import json
from dataclasses import dataclass

from integrations.models.call import Outcome

CLIENT_NAMES = (
    "Nordwind Logistics",
    "Bäckerei Sonntag",
    "Harbour Dental",
    "Lumen Architects",
    "Campo Verde Foods",
    "Atelier Rousseau",
)

# The age in days of the credential of each connection in turn; None is "not known".
AGES: tuple[int | None, ...] = (97, 30, 12, 84, 61, 20, 76, None, 5, 68, 40, 87)
# Which connection (client, turn) of every six clients is in trouble.
TROUBLES = {(0, 0): "needs_reconnecting", (3, 2): "failing"}
# How much of a limit is used, connection after connection.
USED = (0.91, 0.34, 0.55, 0.17, 0.72, 0.41, 0.83, 0.28, 0.09, 0.63, 0.21, 0.48, 0.37, 0.13, 0.58, 0.25, 0.31, 0.06)
SCOPES = ["oauth", "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.objects.deals.read"]


@dataclass(frozen=True)
class Service:
    """One provider as the demo's clients use it."""

    provider: str
    kind: str
    fields: tuple[str, ...]
    host: str
    calls: tuple[tuple[str, str], ...]
    bucket: str = ""
    limit: int = 0
    window_s: int = 86_400  # a day, so that what is shown is still true hours later


SERVICES = (
    Service(
        "hubspot",
        "oauth2",
        ("access_token", "refresh_token"),
        "api.hubapi.com",
        (
            ("GET", "/crm/v3/objects/contacts?limit=100"),
            ("POST", "/crm/v3/objects/contacts"),
            ("PATCH", "/crm/v3/objects/deals/{number}"),
        ),
        "daily",
        650_000,
    ),
    Service(
        "stripe",
        "api_key",
        ("api_key",),
        "api.stripe.com",
        (("GET", "/v1/balance"), ("POST", "/v1/charges"), ("GET", "/v1/customers/cus_{number}DemoAbc")),
    ),
    Service(
        "openai",
        "api_key",
        ("api_key",),
        "api.openai.com",
        (("POST", "/v1/chat/completions"), ("GET", "/v1/models")),
        "requests",
        10_000,
    ),
)


@dataclass(frozen=True)
class Story:
    """One way a call can end. `share` is how often, in ten thousand.

    A failure happens to one provider's one call, `at`, so that alike failures make one group. `state` is
    what a person made of that group two days ago; a resolved one was not seen again.
    """

    share: int
    outcome: Outcome
    status: int | None
    code: str = ""
    body: str = ""
    attempts: int = 1
    ms: float = 180
    at: tuple[str, int] | None = None
    state: str = "open"
    is_burst: bool = False

    @property
    def is_failed(self) -> bool:
        """Tell whether the call counts as a failure."""
        return self.outcome not in (Outcome.OK, Outcome.RECOVERED, Outcome.CANCELLED)


def _hubspot(message: str, category: str, **more: str) -> str:
    return json.dumps({"status": "error", "message": message, "category": category, **more})


CONTACTS, NEW_CONTACT, DEAL = ("hubspot", 0), ("hubspot", 1), ("hubspot", 2)
BALANCE, CHARGE, CUSTOMER = ("stripe", 0), ("stripe", 1), ("stripe", 2)
CHAT, MODELS = ("openai", 0), ("openai", 1)
LIMIT = _hubspot("You have reached your ten_secondly_rolling limit.", "RATE_LIMITS", policyName="TEN_SECONDLY_ROLLING")
GONE = '{"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such customer"}}'

STORIES = (
    Story(9690, Outcome.OK, 200),
    Story(90, Outcome.RECOVERED, 200, attempts=2, ms=1400),
    Story(10, Outcome.CANCELLED, None, "cancelled", ms=2_500),
    Story(30, Outcome.LIMITED, 429, body=LIMIT, attempts=3, ms=410, at=NEW_CONTACT, is_burst=True),
    Story(20, Outcome.CLIENT_ERROR, 400, body=_hubspot("Property values were not valid", "VALIDATION_ERROR"), at=DEAL),
    Story(15, Outcome.AUTH, 403, body=_hubspot("The app lacks scopes", "MISSING_SCOPES"), at=CONTACTS),
    Story(15, Outcome.UPSTREAM_ERROR, 503, body='{"error": {"message": "overloaded"}}', attempts=3, ms=900, at=CHAT),
    Story(10, Outcome.TIMEOUT, 504, "upstream_timeout", attempts=2, ms=30_000, at=CHAT),
    Story(10, Outcome.REFUSED, 403, "not_allowed", attempts=0, ms=1, at=MODELS),
    Story(20, Outcome.AUTH, 401, body=_hubspot("Expired", "EXPIRED_AUTHENTICATION"), at=DEAL, state="resolved"),
    Story(20, Outcome.CLIENT_ERROR, 404, body=GONE, at=CUSTOMER, state="resolved"),
    Story(15, Outcome.CLIENT_ERROR, 409, body=_hubspot("Exists", "CONFLICT"), at=NEW_CONTACT, state="resolved"),
    Story(15, Outcome.UPSTREAM_ERROR, 500, body="{}", attempts=3, at=CHARGE, state="resolved"),
    Story(10, Outcome.UNREACHABLE, 502, "upstream_unreachable", attempts=3, ms=9_000, at=BALANCE, state="resolved"),
    Story(20, Outcome.UPSTREAM_ERROR, 502, "upstream_invalid", attempts=3, at=CHARGE, state="snoozed"),
)
