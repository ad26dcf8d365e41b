"""Recognise a credential by its shape or its variable's name, and notice what looks wrong.

It looks at plaintext, so the rules test lists it as a door.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from integrations.providers.loading import all_providers
from integrations.providers.parts import KeyFormat
from integrations.providers.shape import Provider
from secrets_vault.models import Environment
from secrets_vault.secret import Secret

SHORTEST = 8
PLACEHOLDER = re.compile(
    r"(?i)(?:your|my|the|insert|enter|paste|put|add)?[-_ ]?(?:api|secret|access|private)?[-_ ]?(?:key|token|secret)"
    r"(?:[-_ ]?here)?|changeme|change[-_]me|replace[-_]?me|todo|example|test|none|null"
    r"|x{4,}|\*{3,}|<.*>|\$\{.*\}|.*(?:\.\.\.|…)"
)
# Where a word begins in stripeApiKey and in Stage2Key, but not in N8N.
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[0-9])(?=[A-Z][a-z])")
LIVE_WORDS = frozenset({"LIVE", "PROD", "PRODUCTION"})
TEST_WORDS = frozenset({"TEST", "TESTING", "STAGING", "SANDBOX", "DEV", "DEVELOPMENT"})
CLIENT_SECRET = ("CLIENT_SECRET", "CONSUMER_SECRET", "APP_SECRET", "OAUTH_SECRET")
NOT_SECRET = ("CLIENT_ID", "CONSUMER_KEY", "PUBLISHABLE", "PUBLIC_KEY", "BASE_URL", "ENDPOINT", "REDIRECT", "_URL")


@dataclass(frozen=True, slots=True)
class Guess:
    """What a value or a name probably is. `kind` is empty where only the provider is known."""

    provider_key: str
    kind: str = ""
    words: str = ""
    environment: str = ""
    is_secret: bool = True
    is_sure: bool = False


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that looks wrong with a credential. `is_serious`: it cannot work, or works on the wrong side."""

    code: str
    words: str
    is_serious: bool = False


def guess_by_value(value: Secret) -> list[Guess]:
    """Return what a pasted credential is by its shape; only shapes that no other provider shares count."""
    plain = value.expose().strip()
    return [_guess(provider, shape) for provider, shape in _shapes(plain) if shape.is_distinct]


def guess_by_name(env_name: str) -> list[Guess]:
    """Return which provider's credential an environment variable of this name holds, longest match first."""
    name = "_" + re.sub(r"[^A-Z0-9]+", "_", HUMP.sub("_", env_name).upper()).strip("_") + "_"
    found = [
        (len(word), provider) for provider in all_providers() for word in provider.env_names if f"_{word}_" in name
    ]
    guesses = [_guess_of_name(provider, name) for _, provider in sorted(found, key=lambda pair: -pair[0])]
    return list(dict.fromkeys(guesses))


def warnings_for(
    provider: Provider, value: Secret, environment: Environment | None = None, *, field: str = ""
) -> list[Warned]:
    """Return what looks wrong with a credential before it is stored, worst first. Nothing here forbids storing it.

    `field` is where it was put, for credentials of several values.
    """
    plain = value.expose()
    found = list(_unclean(plain)) + list(_misplaced(provider, plain.strip(), environment, field=field))
    return sorted(found, key=lambda warned: not warned.is_serious)


def _shapes(plain: str) -> Iterator[tuple[Provider, KeyFormat]]:
    for provider in all_providers():
        yield from ((provider, shape) for shape in provider.key_formats if shape.matches(plain))


def _guess(provider: Provider, shape: KeyFormat) -> Guess:
    return Guess(provider.key, shape.kind, shape.words, shape.environment, shape.is_secret, is_sure=True)


def _guess_of_name(provider: Provider, name: str) -> Guess:
    words = set(name.split("_"))
    side = "test" if words & TEST_WORDS else "live" if words & LIVE_WORDS else ""
    if "WEBHOOK" in words or "SIGNING" in words:
        return Guess(provider.key, "webhook_secret", _("{name} webhook secret").format(name=provider.name), side)
    if any(part in name for part in CLIENT_SECRET):
        return Guess(provider.key, "oauth_app", f"client secret of a {provider.name} app", side)
    if any(part in name for part in NOT_SECRET):
        return Guess(provider.key, "", f"{provider.name} setting", side, is_secret=False)
    kind = "bearer" if "TOKEN" in words and "bearer" in provider.kinds else next(iter(provider.kinds), "")
    return Guess(provider.key, kind, f"{provider.name} credential", side)


def _unclean(plain: str) -> Iterator[Warned]:
    """Yield what copying and pasting leaves behind."""
    bare = plain.strip()
    checks: list[tuple[Callable[[], bool], Warned]] = [
        (lambda: not bare, Warned("empty", _("There is nothing in it."), True)),
        (
            lambda: plain != bare,
            Warned("spaces", _("It has spaces or line breaks at its ends; they are part of what would be sent.")),
        ),
        (lambda: "\n" in bare or "\r" in bare, Warned("line_break", _("It has a line break in the middle."), True)),
        (
            lambda: _has_invisible(bare),
            Warned("invisible", _("It holds characters that cannot be seen or typed."), True),
        ),
        (
            lambda: len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'`",
            Warned("quotes", _("It is in quotation marks; they are part of what would be sent.")),
        ),
        (
            lambda: bare.lower().startswith(("bearer ", "basic ", "token ")),
            Warned("scheme", _("It starts with the word that goes before a credential. Paste the credential alone.")),
        ),
        (lambda: bool(PLACEHOLDER.fullmatch(bare)), Warned("placeholder", _("It looks like a placeholder."), True)),
        (lambda: bare.startswith("klg_"), Warned("own_token", _("It is a gateway token of Keylodge."), True)),
        (lambda: 0 < len(bare) < SHORTEST, Warned("short", _("It is very short for a credential."))),
    ]
    return (warned for holds, warned in checks if holds())


def _has_invisible(text: str) -> bool:
    """Return whether a text has control, format or non-ASCII space characters. Line breaks are told apart."""
    return any(unicodedata.category(c) in ("Cc", "Cf", "Co", "Zs", "Zl", "Zp") and c not in " \r\n\t" for c in text)


def _misplaced(provider: Provider, plain: str, environment: Environment | None, *, field: str) -> Iterator[Warned]:
    if not plain:
        return
    own = [shape for shape in provider.key_formats if shape.matches(plain)]
    if any(shape.field and shape.field == field for shape in own):
        return
    if own:
        yield from _of_own_shape(own[0], environment)
        return
    others = [other for other, shape in _shapes(plain) if shape.is_distinct and other.key != provider.key]
    if others:
        words = _("It looks like a credential of {name}, not of {name2}.").format(
            name=others[0].name, name2=provider.name
        )
        yield Warned("other_provider", words, True)
    elif usual := [shape for shape in provider.key_formats if _is_usual(shape, provider)]:
        yield Warned(
            "unusual_shape",
            _("{name} usually gives a {words}. It may still be right.").format(
                name=provider.name, words=_(usual[0].words)
            ),
        )


def _is_usual(shape: KeyFormat, provider: Provider) -> bool:
    """Tell whether a pasted value can be expected to look like this: not where the shape is one of several fields."""
    return shape.is_distinct and not shape.is_dead and not shape.field and shape.kind in provider.kinds


def _of_own_shape(shape: KeyFormat, environment: Environment | None) -> Iterator[Warned]:
    if shape.is_dead or not shape.is_secret or shape.kind == "other":
        yield Warned("wrong_kind", _("It is a {words}.").format(words=_(shape.words)), True)
    elif shape.kind in ("webhook_secret", "oauth_app", "oauth_tokens"):
        yield Warned("wrong_kind", _("It is a {words}, not an API key.").format(words=_(shape.words)), True)
    if environment is None:
        return
    if shape.environment == "live" and not environment.is_production:
        yield Warned(
            "live_outside_production",
            _("It is a live key, and {slug} is not production.").format(slug=environment.slug),
            True,
        )
    if shape.environment == "test" and environment.is_production:
        yield Warned(
            "test_in_production", _("It is a test key, and {slug} is production.").format(slug=environment.slug), True
        )
