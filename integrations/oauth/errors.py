"""What can go wrong with a consent or a token, one class per thing a person can do about it."""

from __future__ import annotations

import logging

from django.db import DatabaseError

from integrations.errors import IntegrationError
from secrets_vault.errors import VaultError

logger = logging.getLogger(__name__)

TROUBLE = (VaultError, DatabaseError)
"""What is our own trouble and passes: the vault is locked, the book or the disk is full, the database is away."""


class ConsentRefused(IntegrationError):
    """A callback that is not accepted. `code` chooses the words of the page; nothing was stored."""

    code = "consent_refused"

    def __init__(self, code: str, *, details: dict[str, str] | None = None) -> None:
        self.code = code
        self.details = details or {}
        self.language = ""
        self.by_link = False
        self.slug = ""
        super().__init__(f"consent refused: {code}")


def not_stored(trouble: Exception) -> ConsentRefused:
    """Return the refusal for our own trouble. Logged by its code: a database may quote what was to be written."""
    logger.error("consent not stored", extra={"code": str(getattr(trouble, "code", "") or type(trouble).__name__)})
    return ConsentRefused("not_stored")


class CannotStart(IntegrationError):
    """A consent cannot begin: the OAuth app is missing or broken, or a scope is not the app's."""

    code = "cannot_start"

    def __init__(self, code: str, *, scopes: tuple[str, ...] = ()) -> None:
        self.code, self.scopes = code, scopes
        super().__init__(f"consent cannot start: {code}")


class GrantRefused(IntegrationError):
    """Base of what a token endpoint may answer instead of a token. Never holds the answer itself."""

    code = "grant_refused"

    def __init__(self, code: str, *, status: int = 0, retry_after_s: float | None = None) -> None:
        self.code, self.status, self.retry_after_s = code, status, retry_after_s
        super().__init__(f"token endpoint: {code} (HTTP {status})" if status else f"token endpoint: {code}")


class GrantDead(GrantRefused):
    """The person's grant is gone: only a new consent helps."""


class AppWrong(GrantRefused):
    """The provider refuses the OAuth app itself: the consultant must mend it, the client cannot."""


class BadMinute(GrantRefused):
    """The provider or the way to it failed for now. Nothing is known to be lost; try again later."""


class NeedsReconnecting(IntegrationError):
    """There is no usable token and none can be had without a new consent."""

    code = "needs_reconnecting"


class NotUsableNow(IntegrationError):
    """No valid access token right now, but one is expected: try again after `retry_after_s`."""

    code = "refresh_failing"

    def __init__(self, code: str, *, retry_after_s: float = 1.0) -> None:
        self.code, self.retry_after_s = code, retry_after_s
        super().__init__(f"no usable access token: {code}")
