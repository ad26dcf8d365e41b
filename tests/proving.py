"""Signs the step-up of a test browser, as after the password was typed again."""

from __future__ import annotations

import time

from allauth.account.internal.flows import login
from django.test import Client as Browser


def prove(browser: Browser, *, at: float | None = None) -> None:
    """Note a proof of identity in the browser's session, now unless `at` (epoch seconds) says when."""
    session = browser.session
    session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = session["_auth_user_id"]
    proof = {"method": "password", "at": time.time() if at is None else at, "reauthenticated": True}
    session[login.AUTHENTICATION_METHODS_SESSION_KEY] = [proof]
    session.save()
