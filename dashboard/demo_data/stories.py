"""What happens in the demo: who the clients are, what they call, and how it fails."""

from __future__ import annotations

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
AGES: tuple[int | None, ...] = (97, None, 12, 88, 30, 140, 61, None, 76, 5)


@dataclass(frozen=True)
class Service:
    """One provider as the demo's clients use it."""

    provider: str
    kind: str
    fields: tuple[str, ...]
    host: str
    calls: tuple[tuple[str, str], ...]
    bucket: str
    limit: int
    window_s: int


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
        "burst",
        110,
        10,
    ),
    Service(
        "stripe",
        "api_key",
        ("api_key",),
        "api.stripe.com",
        (("GET", "/v1/balance"), ("POST", "/v1/charges"), ("GET", "/v1/customers/cus_{number}DemoAbc")),
        "burst",
        100,
        1,
    ),
    Service(
        "openai",
        "api_key",
        ("api_key",),
        "api.openai.com",
        (("POST", "/v1/chat/completions"), ("GET", "/v1/models")),
        "requests",
        500,
        60,
    ),
)


@dataclass(frozen=True)
class Story:
    """One way a call can end. `share` is how often, in a thousand."""

    share: int
    outcome: Outcome
    status: int | None
    code: str = ""
    body: str = ""
    attempts: int = 1
    ms: float = 180

    @property
    def is_failed(self) -> bool:
        """Tell whether the call counts as a failure."""
        return self.outcome not in (Outcome.OK, Outcome.RECOVERED, Outcome.CANCELLED)


STORIES = (
    Story(935, Outcome.OK, 200),
    Story(15, Outcome.RECOVERED, 200, attempts=2, ms=1400),
    Story(
        6,
        Outcome.CLIENT_ERROR,
        400,
        body='{"message": "Property values were not valid", "category": "VALIDATION_ERROR"}',
    ),
    Story(5, Outcome.CLIENT_ERROR, 404, body='{"message": "resource not found"}'),
    Story(2, Outcome.CLIENT_ERROR, 409, body='{"message": "Contact already exists.", "category": "CONFLICT"}'),
    Story(3, Outcome.CLIENT_ERROR, 422, body='{"message": "unprocessable"}'),
    Story(5, Outcome.AUTH, 401, body='{"message": "expired", "category": "EXPIRED_AUTHENTICATION"}'),
    Story(3, Outcome.AUTH, 403, body='{"message": "missing scopes", "category": "MISSING_SCOPES"}'),
    Story(
        9,
        Outcome.LIMITED,
        429,
        body='{"message": "You have reached your limit", "policyName": "TEN_SECONDLY_ROLLING"}',
        attempts=3,
    ),
    Story(5, Outcome.UPSTREAM_ERROR, 500, body='{"message": "internal error"}', attempts=3),
    Story(2, Outcome.UPSTREAM_ERROR, 502, "upstream_invalid", attempts=3),
    Story(4, Outcome.UPSTREAM_ERROR, 503, body='{"message": "down for maintenance"}', attempts=3),
    Story(2, Outcome.TIMEOUT, 504, "upstream_timeout", attempts=2, ms=30_000),
    Story(1, Outcome.UNREACHABLE, 502, "upstream_unreachable", attempts=3, ms=9_000),
    Story(2, Outcome.REFUSED, 403, "not_allowed", attempts=0, ms=1),
    Story(1, Outcome.CANCELLED, None, "cancelled", ms=2_500),
)
