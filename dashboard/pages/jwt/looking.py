"""The page that says what is in a JWT and what is wrong with it: decoded here, never stored, logged or echoed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from dashboard.pages.jwt.form import JWTForm
from dashboard.render import PageRequest, render_page
from integrations.jwt.examining import CLAIM_WORDS, Examined, Wanted, examine, moment
from integrations.jwt.fetching import KeysNotFetched, fetched_keys
from integrations.jwt.unreadable import not_fetched_sentence
from secrets_vault import vault
from secrets_vault.people import login_limits
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from django.http import HttpResponse

    from integrations.jwt.parts import UnverifiedJWT
    from secrets_vault.models import StoredSecret, User

MOST_FETCHED = 30
TIMES = ("exp", "nbf", "iat", "auth_time")
LISTS = ("aud", "scope", "scp", "scopes", "roles")
# What names no person: shown even of a token that the vault holds.
OPEN = frozenset({"iss", "aud", "azp", "client_id", "scope", "scp", "scopes", "exp", "nbf", "iat", "auth_time"})
FIRST = ("iss", "sub", "aud", "azp", "client_id", "scope", "scp", "scopes", "iat", "nbf", "exp")
COVERED = "****"
LONGEST = 2000
MOST_SHOWN = 200


@dataclass(frozen=True)
class Row:
    """One claim as the page shows it: a time, a list, or a text."""

    name: str
    words: str
    text: str = ""
    at: datetime | None = None
    parts: tuple[str, ...] = ()


@sensitive_post_parameters()
@sensitive_variables("form", "token")
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def jwt(request: PageRequest) -> HttpResponse:
    """Look into a JWT. By POST alone: an address ends up in logs and in the browser's history."""
    form = JWTForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"form": form, "tab": "jwt"}
    if request.method == "POST" and form.is_valid():
        examined = _examined(request, form)
        if examined is not None:
            context |= _shown(form, examined, request.user)
    is_refused = request.method == "POST" and "examined" not in context
    return render_page(request, "dashboard/jwt/looking.html", context, status=422 if is_refused else 200)


def _examined(request: PageRequest, form: JWTForm) -> Examined | None:
    data, keys, now = form.cleaned_data, form.keys, timezone.now()
    if url := data["jwks_url"]:
        budget = login_limits.Budget(f"jwks:{request.user.pk}", MOST_FETCHED)
        if not login_limits.take(budget, now=now):
            form.add_error("jwks_url", _("Too many addresses in a quarter of an hour. Wait a little."))
            return None
        try:
            keys = fetched_keys(url)
        except KeysNotFetched as error:
            form.add_error("jwks_url", not_fetched_sentence(error.code))
            return None
    wanted = Wanted(keys, bool(keys), issuer=data["issuer"].strip(), audience=data["audience"].strip())
    return examine(data["token"], wanted, now=now)


@sensitive_variables("form")
def _shown(form: JWTForm, examined: Examined, user: User) -> dict[str, Any]:
    known = _known(form.text, user)
    is_covered = bool(known) and not form.cleaned_data["show_all"]
    return {
        "examined": examined,
        "known": known,
        "is_covered": is_covered,
        "header": [Row(name, name, _plain(value)) for name, value in _few(examined.token.header)],
        "claims": _claims(examined.token, is_covered=is_covered),
        "form": JWTForm(initial={name: form.cleaned_data[name] for name in ("jwks_url", "issuer", "audience")}),
    }


@sensitive_variables("text")
def _known(text: str, user: User) -> list[StoredSecret]:
    """Return the secrets, of those this person may see, that hold exactly this token."""
    fields = vault.find_value(Secret(text)).visible_to(user).select_related("version__secret__client")
    return list({field.version.secret_id: field.version.secret for field in fields[:20]}.values())


def _claims(token: UnverifiedJWT, *, is_covered: bool) -> list[Row]:
    order = {name: number for number, name in enumerate(FIRST)}
    rows = sorted(_few(token.claims), key=lambda pair: order.get(pair[0], len(order)))
    return [_row(token, name, value, is_covered=is_covered and name not in OPEN) for name, value in rows]


def _few(table: Any) -> list[tuple[str, Any]]:
    return list(table.items())[:MOST_SHOWN]


def _row(token: UnverifiedJWT, name: str, value: Any, *, is_covered: bool) -> Row:
    words = str(CLAIM_WORDS.get(name, ""))
    shown = _plain(name)
    if is_covered:
        return Row(shown, words, COVERED)
    if name in TIMES and (at := moment(token, name)) is not None:
        return Row(shown, words, at=at)
    if name in LISTS and (parts := _list(value)):
        return Row(shown, words, parts=parts)
    return Row(shown, words, _plain(value))


def _list(value: Any) -> tuple[str, ...]:
    """Return scopes and audiences one by one, as a list or as words with spaces between."""
    each = value.split() if isinstance(value, str) else value if isinstance(value, list) else ()
    return tuple(_plain(one) for one in each[:MOST_SHOWN])


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:LONGEST]
