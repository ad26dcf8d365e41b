"""Personal data: card numbers always; e-mail local parts, phones, IBAN and SSN where the client's policy says so."""

import re
from collections.abc import Iterator

from secrets_vault.masking.lexicon import words
from secrets_vault.masking.page import Page
from secrets_vault.masking.spans import Kind, Span

_PAN = re.compile(r"(?<![\w.\-])(?<!\d[ ,])\d(?:[ \-\u00a0\u2011\u2013.]?\d){12,18}(?![\w])(?![.\-]\d)")
_IIN = re.compile(
    r"4|5[1-5]|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)|3[47]|3(?:0[0-5]|[689])|35(?:2[89]|[3-8]\d)"
    r"|6(?:011|5|4[4-9]|2|0|3|7)|50|5[6-8]|9792|2200|2201|2202|2203|2204"
)
_LENGTHS = {"4": (13, 16, 19), "5": (16,), "2": (16,), "3": (14, 15, 16), "6": (16, 17, 18, 19), "9": (16,)}
_TRACK = re.compile(r"%?B\d{12,19}\^[^?\n]{2,}\??|;\d{12,19}=\d{4,}[^?\n]*\??")
_CODES_OF_A_CARD = frozenset(("cvv", "cvc", "csc", "pin"))
# "cvv 987", "CVC is 987": beside its name in prose, where no colon says that a value follows.
_CODE_SAID = re.compile(r"(?:[ ](?:is|code|number|no\.))*[ :#=]{1,3}(?P<v>\d{3,4})(?![\w]|[.,\-]\d)")
_EMAIL = re.compile(
    r"(?<![\w.+\-%])(?P<local>[\w.+\-!#$%&'*/=?^`{|}~]{1,64}?)@(?=(?:[\w\-]+\.)+(?P<tld>[A-Za-z]{2,24}"
    r"|xn--[\w\-]+)(?![\w@]))"
)
_FILES = words("file_endings")
_PHONE = re.compile(
    r"(?<![\w+.\-/=])(?:\+\d{1,3}"
    r"|00[1-9]\d{0,2}(?=[ \-(]))[ .\-]?(?:\(0?\d{1,4}\)[ .\-]?)?\d(?:[ .\-/]?\d){5,12}(?![\w]|\.\d)"
    r"|(?<![\w+.\-/])\(\d{3}\)[ .\-]?\d{3}[ .\-]\d{4}(?!\w)"
    r"|(?<![\w+.\-/])[2-9]\d{2}([.\- ])[2-9]\d{2}\1\d{4}(?![\w]|[.\-]\d)"
    r"|(?<![\w+.\-/])0[1-9]\d{1,4}[ /\-]\d{3,4}[ \-]?\d{3,8}(?![\w\-])"
)
_PHONE_NAMED = re.compile(
    r"(?:phone|mobile|telephone|fax|whatsapp|msisdn|telefon|handy|cell)(?:[_\- ]?(?:number|no"
    r"|nr))?[\"']?\s*[:=]\s*[\"']?(?P<n>\+?[\d(][\d ().\-/]{5,18}\d)",
    re.I,
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ \-]?[A-Z0-9]){11,30}(?![A-Za-z0-9])")
_AT = re.compile("@")
_IBAN_START = re.compile(r"[A-Z]{2}\d{2}[ \-]?[A-Z0-9]{4}")
_SSN = re.compile(r"(?<![\w.\-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w]|[.\-]\d)")


def find_cards(page: Page) -> Iterator[Span]:
    """Yield card numbers (Luhn and a known issuer range), magnetic tracks, and the codes said beside them."""
    text = page.text
    for found in _digit_runs(page, _PAN):
        if _is_card(found[0]):
            yield Span(*found.span(), Kind.SECRET)
    if "^" in text or ";" in text:
        yield from (Span(*m.span(), Kind.SECRET) for m in _TRACK.finditer(text))
    for _, end, name, _ in page.known_names():
        said = _CODE_SAID.match(text, end) if name.lower().rstrip("2") in _CODES_OF_A_CARD else None
        if said:
            yield Span(*said.span("v"), Kind.SECRET)


def _is_card(value: str) -> bool:
    digits = "".join(c for c in value if c.isdigit())
    if not _IIN.match(digits) or len(digits) not in _LENGTHS[digits[0]] or len(set(digits)) < 2:
        return False
    if len(re.findall(r"\D", value)) > 6 or ("." in value and len(re.findall(r"\.", value)) < 2):
        return False
    return luhn(digits)


def luhn(digits: str) -> bool:
    total = 0
    for place, char in enumerate(reversed(digits)):
        number = int(char) * (2 if place % 2 else 1)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def find_personal(page: Page) -> Iterator[Span]:
    """Yield what GDPR and friends ask to keep out of logs."""
    text = page.text
    if "@" in text:
        for found in _emails(text):
            if found["tld"].lower() not in _FILES and found["local"] != "git":
                yield Span(*found.span("local"), Kind.SECRET)
    yield from (Span(*m.span(), Kind.SECRET) for m in _digit_runs(page, _PHONE))
    yield from (Span(*m.span("n"), Kind.SECRET) for m in _digit_runs(page, _PHONE_NAMED, back=40))
    yield from (Span(*m.span(), Kind.SECRET) for m in _digit_runs(page, _SSN))
    for found in _ibans(text):
        end = _iban_end(found[0])
        if end:
            yield Span(found.start(), found.start() + end, Kind.SECRET)


def _digit_runs(page: Page, pattern: re.Pattern[str], *, back: int = 6) -> Iterator[re.Match[str]]:
    """Yield a pattern's matches, looked for only where many digits stand together."""
    read_to = 0
    for start, end in page.digit_runs:
        for found in pattern.finditer(page.text, max(read_to, start - back), end + 24):
            read_to = found.end()
            yield found


def _emails(text: str) -> Iterator[re.Match[str]]:
    read_to = 0
    for at in _AT.finditer(text):
        found = _EMAIL.search(text, max(read_to, at.start() - 65), at.end() + 255)
        if found and found.end() == at.end():
            read_to = found.end()
            yield found


def _ibans(text: str) -> Iterator[re.Match[str]]:
    for start in _IBAN_START.finditer(text):
        found = _IBAN.match(text, start.start())
        if found:
            yield found


def _iban_end(value: str) -> int:
    """Return how much of a candidate is a valid IBAN (ISO 13616, mod 97), words behind it left out."""
    end = len(value)
    while end >= 15:
        bare = re.sub(r"[ \-]", "", value[:end])
        if 15 <= len(bare) <= 34 and int("".join(str(int(c, 36)) for c in bare[4:] + bare[:4])) % 97 == 1:
            return end
        cut = value.rfind(" ", 0, end)
        if cut < 0:
            return 0
        end = cut
    return 0
