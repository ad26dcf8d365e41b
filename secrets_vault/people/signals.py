"""Writes the book when people sign in or out, and ends other sessions when a factor changes."""

from __future__ import annotations

from typing import Any

from allauth.mfa import signals as mfa
from django.contrib.auth import signals as auth
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest

from secrets_vault import audit
from secrets_vault.actor import Actor
from secrets_vault.models import User
from secrets_vault.people import language, sessions
from secrets_vault.people.middleware import address_of


def _write(action: str, user: User, request: HttpRequest | None, **details: object) -> None:
    ip = address_of(request) if request is not None else ""
    with transaction.atomic():
        audit.record(action, actor=Actor.of(user, ip=ip), subject=user, label=user.name, details=details)


@receiver(auth.user_logged_in)
def signed_in(sender: object, request: HttpRequest, user: User, **_: Any) -> None:
    """Write `login.ok`, let the middleware mark the browser, and keep the browser's language for mails."""
    request.has_just_signed_in = True  # type: ignore[attr-defined]
    language.remember(user, request)
    _write("login.ok", user, request)


@receiver(auth.user_logged_out)
def signed_out(sender: object, request: HttpRequest, user: User | None, **_: Any) -> None:
    """Write `login.ended`."""
    if user is not None:
        _write("login.ended", user, request)


@receiver(auth.user_login_failed)
def refused(sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """Write `login.failed`: for a known account with its person, for any other without a name."""
    user = User.objects.filter(email__iexact=credentials.get("email") or "").first()
    ip = address_of(request) if request is not None else ""
    actor = Actor.of(user, ip=ip) if user else Actor(kind="system", label="unknown account", ip=ip)
    with transaction.atomic():
        audit.record("login.failed", actor=actor, subject=user, label=user.name if user else "")


@receiver(mfa.authenticator_added)
@receiver(mfa.authenticator_removed)
@receiver(mfa.authenticator_reset)
def factor_changed(sender: object, request: HttpRequest, user: User, authenticator: Any, **kwargs: Any) -> None:
    """End the person's other sessions (ASVS 7.4.3) and write what changed."""
    action = "factor.added" if kwargs.get("signal") is mfa.authenticator_added else "factor.removed"
    ended = sessions.end_others(user.pk, keep=request.session.session_key)
    _write(action, user, request, type=str(authenticator.type), sessions_ended=ended)
