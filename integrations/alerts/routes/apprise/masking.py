"""What may be shown of an Apprise URL, in which any part may be the secret: a host, a user, a piece of the path."""

from __future__ import annotations

import re

from integrations.alerts.routes.apprise.table import BY_SCHEME
from secrets_vault.secret import MASK, mask


def masked_url(address: str) -> str:
    """Return the scheme and the last four of the longest part, as in `tgram://****wxyz`; of a short part nothing."""
    scheme, _mark, rest = address.partition("://")
    if scheme.lower() not in BY_SCHEME:
        return MASK
    longest = max(re.split(r"[/:@?&=,]", rest), key=len)
    return f"{scheme.lower()}://{mask(longest)}"
