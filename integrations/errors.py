"""What can go wrong on the ground floor. Each subclass is one thing a caller can do something about."""

from __future__ import annotations


class IntegrationError(Exception):
    """Base of every error of this floor. `code` is stable; the message holds no secret, body or URL query."""

    code = "integration_error"
