"""A signed cookie that says: this browser has signed in to this account before. It opens nothing."""

from __future__ import annotations

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

SALT = "keylodge.known-device"
LASTS_S = 180 * 24 * 3600


def cookie_name() -> str:
    """Return the cookie's name, with the same prefix as the session's."""
    return settings.SESSION_COOKIE_NAME.replace("session", "device")


def is_known_device(request: HttpRequest, account: str) -> bool:
    """Tell whether this browser carries our mark for this account."""
    try:
        marked = signing.loads(request.COOKIES.get(cookie_name(), ""), salt=SALT, max_age=LASTS_S)
    except signing.BadSignature:
        return False
    return isinstance(marked, list) and account.casefold() in marked


def mark(request: HttpRequest, response: HttpResponse, account: str) -> None:
    """Remember this browser for the account, beside the last few others."""
    try:
        marked = signing.loads(request.COOKIES.get(cookie_name(), ""), salt=SALT, max_age=LASTS_S)
    except signing.BadSignature:
        marked = []
    accounts = [account.casefold(), *(a for a in marked if a != account.casefold())][:5]
    response.set_cookie(
        cookie_name(),
        signing.dumps(accounts, salt=SALT),
        max_age=LASTS_S,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
