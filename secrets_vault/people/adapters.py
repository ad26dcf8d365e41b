"""Where allauth meets this house: limits shared by all processes, sealed seeds, links with our own address."""

from __future__ import annotations

import base64
import logging
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from secrets_vault import vault
from secrets_vault.models import User
from secrets_vault.people import login_limits
from secrets_vault.people.known_device import is_known_device
from secrets_vault.people.language import writing_to
from secrets_vault.people.middleware import address_of

logger = logging.getLogger(__name__)

SEED_ROW = UUID(int=0)
ASKED_FOR_BY_ANYONE = ("account/email/password_reset_key", "account/email/unknown_account")


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in without sign-up, limited by tables and not by a cache."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Say no: the owner comes by the one-time link, others will be invited."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address by the trusted-proxies setting."""
        return address_of(request) or "unknown"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count a try before the password reaches the hasher. Raises ValidationError when used up."""
        account = str(credentials.get("email") or credentials.get("username") or "").casefold()
        known = is_known_device(request, account)
        self._taken = login_limits.budgets(account=account, ip=self.get_client_ip(request), is_known_device=known)
        now = timezone.now()
        if not all(login_limits.take(budget, now=now) for budget in self._taken):
            raise self.validation_error("too_many_login_attempts")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Return the user, or None; a success gives its try back.

        allauth hands a disabled person on to a page that says so, which tells whoever has the
        password that it is the right one. Here it is as wrong as any other (ASVS 6.3.8).
        """
        user: AbstractBaseUser | None = super().authenticate(request, **credentials)
        if user is None or not user.is_active:
            return None
        for budget in self._taken:
            login_limits.give_back(budget)
        return user

    def _rollback_login_failed_rl_usage(self) -> None:
        """Leave allauth's own counter alone: it is off."""

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        """Leave allauth's own counter alone: it is off."""

    def is_safe_url(self, url: str | None) -> bool:
        """Tell whether an address to go on to is within this site. What cannot be read is not."""
        ours = urlsplit(settings.KEYLODGE_PUBLIC_URL).netloc
        return url_has_allowed_host_and_scheme(url, {ours}, require_https=settings.IS_HTTPS)

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the link with our configured address, whatever Host the request named (CVE-2025-27913)."""
        uid, _, rest = key.partition("-")
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": rest})
        return settings.KEYLODGE_PUBLIC_URL + path

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail of ours; of those that anyone can ask for, a few in a quarter of an hour.

        Beyond that nothing is sent and nothing is said: the page reads the same either way. So it does when
        the mail server refuses or does not answer; the log says that.
        """
        if template_prefix in ASKED_FOR_BY_ANYONE and not self._may_be_mailed(email):
            return
        try:
            with self._in_the_language_of(context):
                super().send_mail(template_prefix, email, context)
        except OSError as refused:  # SMTPException is one
            logger.warning("mail not sent", extra={"mail": template_prefix, "code": type(refused).__name__})

    def _in_the_language_of(self, context: dict[str, Any]) -> AbstractContextManager[None]:
        """Return the context to write in: the person's own language, else that of the page that asked."""
        user = context.get("user")
        return writing_to(user) if isinstance(user, User) else nullcontext()

    def _may_be_mailed(self, email: str) -> bool:
        budgets = (
            login_limits.Budget(f"reset-ip:{self.get_client_ip(self.request)}", 10),
            login_limits.Budget(f"reset:{email.casefold()}", 3),
        )
        now = timezone.now()
        return all(login_limits.take(budget, now=now) for budget in budgets)

    def render_mail(
        self, template_prefix: str, email: str, context: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Any:
        """Add our address for the templates, and drop what was built from the Host header."""
        context = context | {"public_url": settings.KEYLODGE_PUBLIC_URL}
        return super().render_mail(template_prefix, email, context, headers)


class MFAAdapter(DefaultMFAAdapter):
    """Seeds and recovery codes sealed by the vault (allauth's default stores them in the clear)."""

    def encrypt(self, text: str) -> str:
        """Return the sealed text, base64, since allauth keeps it in a JSON column."""
        return base64.b64encode(vault.seal_text(text, field="mfa", row_id=SEED_ROW)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return the text. Raises VaultError when it does not open: a factor that cannot be read refuses."""
        return vault.open_text(base64.b64decode(encrypted_text), field="mfa", row_id=SEED_ROW).expose()

    def get_totp_issuer(self) -> str:
        """Return the name an authenticator app shows."""
        return "Keylodge"

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        """Return the name a new passkey has until its owner gives another. allauth says "Master key"."""
        return "Passkey"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return the relying party: always the host of PUBLIC_URL (WebAuthn section 5.4.2)."""
        return {"id": urlsplit(settings.KEYLODGE_PUBLIC_URL).hostname or "localhost", "name": "Keylodge"}
