"""GitLab: a personal, project or group access token rotates itself, and the old one ends in the same call.

https://docs.gitlab.com/api/personal_access_tokens/#self-rotate, read 2026-11-22; the token needs the scope api or
self_rotate. GitLab revokes the whole family when an old token asks a second time (gitlab-org/gitlab#524639), so the
call is never repeated: where its answer was lost, a new token has to be made by hand.
"""

from __future__ import annotations

from integrations.rotating.drivers.vendor import Made, Vendor, text_at, time_at
from secrets_vault.secret import Secret

ENDS_OLD_AT_ONCE = True
FIELDS = {"api_key": "api_key", "bearer": "token"}


def old_at_provider(vendor: Vendor) -> str:
    """Return the id of the token in hand."""
    return text_at(vendor.json("GET", "/api/v4/personal_access_tokens/self"), "id")


def remove_orphans(vendor: Vendor, *, keep: frozenset[str]) -> None:
    """Do nothing: GitLab makes no second token beside the first."""


def make(vendor: Vendor) -> Made:
    """Let the token rotate itself."""
    made = vendor.json("POST", "/api/v4/personal_access_tokens/self/rotate")
    value = Secret(text_at(made, "token"))
    return Made({FIELDS[vendor.kind]: value}, text_at(made, "id"), time_at(made, "expires_at"))


def revoke(vendor: Vendor, at_provider: str) -> None:
    """Revoke a token by its id; the old one is revoked already, and saying so twice does no harm."""
    vendor.call("DELETE", f"/api/v4/personal_access_tokens/{at_provider}", gone=True)
