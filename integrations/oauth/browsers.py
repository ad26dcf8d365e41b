"""What binds a consent to one browser and one state; the database holds keyed hashes of both."""

from __future__ import annotations

import secrets

from secrets_vault import vault


def new_browser_secret() -> str:
    """Return the value of the oauth cookie: what binds a consent to one browser."""
    return secrets.token_urlsafe(32)


def state_hash(state: str) -> bytes:
    """Return what stands for a state in the database."""
    return vault.keyed_hash("oauth-state", state.encode("utf-8", "replace"))


def browser_hash(browser_secret: str) -> bytes:
    """Return what stands for a browser in the database."""
    return vault.keyed_hash("oauth-browser", browser_secret.encode("utf-8", "replace"))
