"""Match an answer against the table of causes. A body that matches nothing gives "unknown cause", never a guess."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.translation import gettext_noop

from integrations.causes.table import Row, rows
from integrations.limits.signals import error_codes
from integrations.providers.registry import catalogue
from integrations.providers.shape import Provider

FOUND_MAX = 160
CLEAN = re.compile(r"[^\w .,:;@/()*+'-]+")


@dataclass(frozen=True, slots=True)
class Cause:
    """Why, in words. `who` must act: you, client, provider or nobody. `is_known` is False for "unknown cause".

    `is_confirmed` is False where the words were not yet read at the vendor's.
    """

    code: str
    title: str
    cause: str
    remedy: str
    who: str
    is_known: bool = True
    is_confirmed: bool = True


def explain(provider: Provider | str, status: int | None, body_excerpt_masked: str = "", code: str = "") -> Cause:
    """Return why a call failed.

    `code` is our own (of the gateway or of an OAuth answer) and goes first; then rows of the provider,
    then what the status itself means. `body_excerpt_masked` has been through the masker: what a
    pattern finds in it may be shown.
    """
    key, name = _whose(provider)
    codes = error_codes(body_excerpt_masked)
    for group in (_own_rows(code), rows().get(key, ()), rows()["generic"]):
        for row in group:
            found = _match(row, status, codes, body_excerpt_masked)
            if found is not None:
                return _cause(row, found, name=name, status=status)
    return _unknown(name, status)


def is_confirmed(provider: Provider | str, status: int | None, code: str) -> bool:
    """Tell whether the row with this code that explained such an answer was read in its vendor's words."""
    key, _ = _whose(provider)
    meant = (row for row in rows().get(key, ()) if row.code == code and (not row.status or status in row.status))
    return all(row.is_confirmed for row in meant)


def _whose(provider: Provider | str) -> tuple[str, str]:
    known = provider if isinstance(provider, Provider) else catalogue().get(provider)
    return (known.errors_like or known.key, known.name) if known else ("generic", NAMELESS)


def _own_rows(code: str) -> tuple[Row, ...]:
    return tuple(row for row in rows()["own"] if code in row.own_code)


def _match(row: Row, status: int | None, codes: tuple[str, ...], body: str) -> str | None:
    """Return what the row found in the body ("" where it looks for nothing), or None where it does not hold."""
    if row.status and status not in row.status:
        return None
    if row.any_of and not set(row.any_of) & set(codes):
        return None
    if not row.find:
        return ""
    if match := re.search(row.find, body):
        return CLEAN.sub(" ", (match.groups() and match[1]) or "").strip()[:FOUND_MAX]
    return "" if row.cause_without else None


def _cause(row: Row, found: str, *, name: str, status: int | None) -> Cause:
    sentence = row.cause_without if row.cause_without and not found else row.cause
    words = {"{provider}": name, "{found}": found, "{status}": str(status or "")}

    def fill(text: str) -> str:
        return re.sub(r"\{(?:provider|found|status)\}", lambda slot: words[slot[0]], text)

    said = (fill(row.title)[:200], fill(sentence), fill(row.remedy))
    return Cause(row.code, *said, row.who, is_known=row.is_known, is_confirmed=row.is_confirmed)


NAMELESS = gettext_noop("The provider")
REFUSED = gettext_noop("Credential refused")
UNKNOWN = (
    gettext_noop("Unknown cause ({status})"),
    gettext_noop("Unknown cause"),
    gettext_noop("{provider} answered {status}. Unknown cause: nothing in the answer is known to Keylodge."),
    gettext_noop(
        "{provider} gave no answer that can be read. Unknown cause: nothing in the answer is known to Keylodge."
    ),
    gettext_noop("Read the answer below. If it names a request id, the provider's support can look it up."),
)


def _unknown(name: str, status: int | None) -> Cause:
    title, cause = (UNKNOWN[0], UNKNOWN[2]) if status else (UNKNOWN[1], UNKNOWN[3])
    filled = {"provider": name, "status": str(status or "")}
    return Cause("unknown", title.format(**filled), cause.format(**filled), UNKNOWN[4], "you", is_known=False)
