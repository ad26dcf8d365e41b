"""What a password must be, and how it is hashed."""

from __future__ import annotations

import secrets
import threading
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from secrets_vault.models import User

LEAST_ALONE = 15
LEAST_WITH_SECOND_FACTOR = 8
MOST = 128
CONTEXT_WORDS = ("keylodge", "password", "passwort")

_CONSONANTS = "bdfgjklmnprstvwz"
_VOWELS = "aeiou"
_hashing = threading.BoundedSemaphore(4)


class CappedArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2id with at most four hashes at a time in a process: each takes 100 MiB."""

    def encode(self, password: str, salt: str) -> str:
        """Return the encoded hash."""
        with _hashing:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Tell whether the password matches."""
        with _hashing:
            return super().verify(password, encoded)


class LengthValidator:
    """NIST SP 800-63B-4 section 3.1.1.2: 15 characters alone, 8 beside a second factor, no other rules."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError when the password is too short or longer than 128 characters."""
        least = LEAST_WITH_SECOND_FACTOR if has_second_factor(user) else LEAST_ALONE
        if len(password) < least:
            raise ValidationError(
                _(
                    "This password has {n} characters; at least {least} are needed. "
                    "A few words in a row are easy to remember and hard to guess."
                ).format(n=len(password), least=least),
                code="password_too_short",
            )
        if len(password) > MOST:
            raise ValidationError(
                _("A password may have {most} characters at most.").format(most=MOST), code="password_too_long"
            )

    def get_help_text(self) -> str:
        """Return the rule in words."""
        return _("At least {alone} characters; {least} once you have a second factor.").format(
            alone=LEAST_ALONE, least=LEAST_WITH_SECOND_FACTOR
        )


class ContextValidator:
    """Refuse a password that is little more than our name or the person's own."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError when little is left after the obvious words are taken out."""
        rest = password.casefold()
        for word in (*CONTEXT_WORDS, *_own_words(user)):
            rest = rest.replace(word, "")
        if len(rest) < LEAST_WITH_SECOND_FACTOR:
            raise ValidationError(
                _("This password is made of words that anyone would try first: your name, your e-mail, or ours."),
                code="password_obvious",
            )

    def get_help_text(self) -> str:
        """Return the rule in words."""
        return _("Not just your name, your e-mail address or the name of this product.")


def _own_words(user: Any) -> list[str]:
    if not isinstance(user, User):
        return []
    words = user.name.casefold().split() + user.email.casefold().replace("@", ".").split(".")
    return [word for word in words if len(word) >= 3]


def has_second_factor(user: Any) -> bool:
    """Tell whether this person has set up an authenticator app or a passkey."""
    if not isinstance(user, User) or user._state.adding:
        return False
    from allauth.mfa.utils import is_mfa_enabled

    return bool(is_mfa_enabled(user))


def suggest_passphrase() -> str:
    """Return four made-up words, such as "tavoki-lumare-pidosu-kenabi": about 75 bits."""
    words = ("".join(secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(3)) for _ in range(4))
    return "-".join(words)
