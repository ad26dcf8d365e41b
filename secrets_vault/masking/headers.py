"""HTTP headers: what of `Authorization`, `Cookie` and `Set-Cookie` may stay, per scheme."""

import re
from collections.abc import Iterator

from secrets_vault.masking.lexicon import words
from secrets_vault.masking.names import words_of
from secrets_vault.masking.page import Page
from secrets_vault.masking.spans import Kind, Span
from secrets_vault.masking.values import is_nothing

_SCHEMES = words("schemes")
_SCHEME = re.compile(
    rf"\s*(?P<scheme>{'|'.join(re.escape(s) for s in _SCHEMES)})(?:[ :=]+|%20|\+)\s*(?P<rest>\S.*)", re.I | re.S
)
_ANY_SCHEME = re.compile(
    r"(?<![\w\-])(?P<scheme>bearer|basic|dpop|negotiate|ntlm|ssws|geniekey|splunk|zoho-oauthtoken"
    r"|aws4-hmac-sha256|sharedkey)"
    r"(?:[ \t]+|%20|: ?)(?P<rest>[A-Za-z0-9\-._~+/=%|!:]{6,})",
    re.I,
)
_NO_TAIL = words("schemes_without_tail")
_COOKIE = re.compile(r"([^=;\s,]+)=(\"[^\"]*\"|[^;]*)")
_ATTRIBUTE = words("cookie_attributes")
_AUTH_NAMES = frozenset(["authorization", "proxyauthorization", "xauthorization", "authheader", "authorizationheader"])
_COOKIE_NAMES = frozenset(["cookie", "cookies", "setcookie", "cookie2", "setcookie2", "xcookie"])
_CHALLENGE = re.compile(r"(?:realm|error|scope|charset|resource_metadata|title|type|nonce|qop)\b", re.I)
_WORDS_ONLY = re.compile(r"[A-Za-z]+[.,;:]?\Z")


def role_of(name: str) -> str:
    """Return "auth" or "cookie" for the headers whose values have a form of their own, else nothing."""
    word = "".join(words_of(name))
    if word in _AUTH_NAMES:
        return "auth"
    return "cookie" if word in _COOKIE_NAMES else ""


def auth_value(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield what to cover in an Authorization value: everything but a known scheme's name."""
    value = text[start:end].rstrip()
    end = start + len(value)
    if is_nothing(value):
        return
    found = _SCHEME.match(value)
    if found is None:
        at = start + len(value) - len(value.lstrip())
        yield Span(at, end, Kind.TOKEN if " " not in value.strip() else Kind.SECRET)
        return
    rest = found["rest"]
    if is_nothing(rest):
        return
    plain = found["scheme"].lower() not in _NO_TAIL and not re.search(r"[ ,]", rest)
    yield Span(start + found.start("rest"), end, Kind.TOKEN if plain else Kind.SECRET)


def cookie_value(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield every cookie's value of a Cookie or Set-Cookie value; attributes such as Path stay readable."""
    any_pair = False
    for found in _COOKIE.finditer(text, start, end):
        any_pair = True
        name = found[1].strip().lower()
        if name in _ATTRIBUTE or not found[2].strip():
            continue
        lead = len(found[2]) - len(found[2].lstrip())
        yield Span(found.start(2) + lead, found.start(2) + len(found[2].rstrip()), Kind.SECRET)
    if not any_pair and text[start:end].strip() and " " not in text[start:end].strip():
        yield Span(start, end, Kind.SECRET)


def find_schemes(page: Page) -> Iterator[Span]:
    """Yield the credential behind a scheme named in running text."""
    for at in page.schemes:
        found = _ANY_SCHEME.match(page.text, at)
        if found is None:
            continue
        rest = found["rest"].rstrip(".,:;")
        if is_nothing(rest) or _CHALLENGE.match(rest) or _WORDS_ONLY.match(rest) or not _made(rest):
            continue
        kind = Kind.SECRET if found["scheme"].lower() in _NO_TAIL else Kind.TOKEN
        yield Span(found.start("rest"), found.start("rest") + len(rest), kind)


def _made(rest: str) -> bool:
    """Tell a credential from a word: "Basic 1-2-3 course" and "bearer-token" are words."""
    if any(c.isdigit() for c in rest) or any(c in "+/=_~%" for c in rest):
        return not re.fullmatch(r"[a-z]+[-_/][a-z\-_/]+|[\d.,:\-/%]+", rest)
    return any(c.isupper() for c in rest[1:])


def value_end(text: str, start: int, lead: str) -> int:
    """A header value ends with its line, a quote that was open before the name, or an escaped line break."""
    end = text.find("\n", start)
    while end >= 0 and text[end - 1 : end] == "\r" and text[end + 1 : end + 2] in (" ", "\t"):  # a folded line
        end = text.find("\n", end + 1)
    end = len(text) if end < 0 else end
    stops = [end]
    quote = next((c for c in lead if c in "\"'"), "")
    if quote:
        stops.append(text.find(quote, start, end))
    stops += [text.find(mark, start, end) for mark in ("\\r\\n", "\\n")]
    if text[end - 1 : end] == "\r":
        stops.append(end - 1)
    return min(s for s in stops if s >= 0)
