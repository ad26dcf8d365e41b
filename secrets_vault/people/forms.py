"""allauth's code forms, with codes that work once in all processes together (ASVS 6.5.1)."""

from __future__ import annotations

from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms
from django.utils import timezone

from secrets_vault.people import login_limits


class _OneUse:
    """Spend the code in the database before it counts."""

    def clean_code(self) -> str:
        """Return the code. Raises ValidationError when it is wrong or was used already."""
        budget = login_limits.Budget(f"code:{self.user.pk}", 10)  # type: ignore[attr-defined]
        now = timezone.now()
        if not login_limits.take(budget, now=now):
            raise get_adapter().validation_error("incorrect_code")
        code: str = super().clean_code()  # type: ignore[misc]
        if not login_limits.use_once(f"{self.user.pk}:{code}:{int(now.timestamp()) // 90}", now=now):  # type: ignore[attr-defined]
            raise get_adapter().validation_error("incorrect_code")
        login_limits.give_back(budget)
        return code


class AuthenticateForm(_OneUse, forms.AuthenticateForm):
    """The second step of signing in."""


class ReauthenticateForm(_OneUse, forms.ReauthenticateForm):
    """A step-up by code."""
