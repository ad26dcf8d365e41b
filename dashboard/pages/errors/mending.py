"""What a person can change so that a refused call passes."""

from __future__ import annotations

from uuid import UUID

from integrations.models import Call, GatewayToken
from secrets_vault.models import User

# Refused here, by what the gateway token itself allows.
TOKEN_CODES = ("not_allowed", "ip_not_allowed", "token_limited", "connection_not_found")


def token_to_change(call: Call | None, user: User) -> UUID | None:
    """Return the gateway token whose own limits refused this call, where this person may change it."""
    if call is None or call.code not in TOKEN_CODES:
        return None
    tokens = GatewayToken.objects.manageable_by(user).filter(pk=call.token_id, revoked_at=None)
    found: UUID | None = tokens.values_list("pk", flat=True).first()
    return found
