"""allauth's code forms, with codes that work once in all processes together (ASVS 6.5.1)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms
from allauth.mfa.totp import forms as totp
from django.forms import TextInput
from django.utils import timezone

from secrets_vault.people import login_limits


class _NotGivenBack:
    """Leaves the field of the code empty when the form is shown again."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["code"]  # type: ignore[attr-defined]
        field.widget = Unkept(attrs=field.widget.attrs)


class Unkept(TextInput):
    """A text field that never holds what was typed."""

    def format_value(self, value: Any) -> None:
        """Show nothing."""


class _OneUse(_NotGivenBack):
    """Spend the code in the database before it counts."""

    def clean_code(self) -> str:
        """Return the code. Raises ValidationError when it is wrong or was used already."""
        budget = login_limits.Budget(f"code:{self.user.pk}", 10)  # type: ignore[attr-defined]
        now = timezone.now()
        if not login_limits.take(budget, now=now):
            raise get_adapter().validation_error("incorrect_code")
        code: str = super().clean_code()  # type: ignore[misc]
        spend(self.user, code, now=now)  # type: ignore[attr-defined]
        login_limits.give_back(budget)
        return code


def spend(user: Any, code: str, *, now: datetime) -> None:
    """Use a right code up, however it was typed: allauth takes "123 456" for "123456". Raises ValidationError."""
    plain = "".join(filter(str.isalnum, code)).casefold()
    if not login_limits.use_once(f"{user.pk}:{plain}", now=now):
        raise get_adapter().validation_error("incorrect_code")


class AuthenticateForm(_OneUse, forms.AuthenticateForm):
    """The second step of signing in."""


class ReauthenticateForm(_OneUse, forms.ReauthenticateForm):
    """A step-up by code."""


class ActivateTOTPForm(_NotGivenBack, totp.ActivateTOTPForm):
    """Setting an authenticator app up. Its first code is used up too, and signs nobody in afterwards."""

    def clean_code(self) -> str:
        """Return the code. Raises ValidationError when it is wrong or was used already."""
        code: str = super().clean_code()
        spend(self.user, code, now=timezone.now())
        return code
