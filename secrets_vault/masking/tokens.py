"""Secrets known by their own look, wherever they stand: vendor prefixes, JWT, PEM, AGE, PuTTY, otpauth, hashes."""

import base64
import binascii
import re
from collections.abc import Iterator

from secrets_vault.masking.lexicon import words
from secrets_vault.masking.page import Page
from secrets_vault.masking.spans import Kind, Span

# Prefix, then six characters or more: the length stays open, so that a token cut short is still found.
# These are short enough to end a word ("exactly-", "cockpit-"): they need a word boundary and a digit or capital.
_MEDIUM = words("short_prefixes")
_BODY = re.compile(r"[A-Za-z0-9_\-.~+/=|!]{6,}")
# Prefixes short or common enough to open ordinary words: what follows must look made, not written.
_WEAK: dict[str, re.Pattern[str]] = {
    "sk-": re.compile(r"sk-(?=[A-Za-z0-9_\-]{0,40}\d)[A-Za-z0-9_\-]{6,}"),
    "sk_": re.compile(r"sk_(?=[a-z0-9]{0,20}\d)[A-Za-z0-9]{16,}"),
    "pk_": re.compile(r"pk_(?:\d+_[A-Z0-9]{6,}|[0-9a-f]{20,}|[A-Za-z0-9]{6}_[0-9a-f]{6,})"),
    "key-": re.compile(r"key-[0-9a-f]{16,}"),
    "re_": re.compile(r"re_[A-Za-z0-9]{6,}_[A-Za-z0-9]{6,}"),
    "ck_": re.compile(r"ck_[0-9a-f]{20,}"),
    "cs_": re.compile(r"cs_[0-9a-f]{20,}"),
    "api_": re.compile(r"api_[A-Za-z0-9]{20,}\.[A-Za-z0-9]{6,}"),
    "cal_": re.compile(r"cal_(?:live_|test_)?[0-9a-f]{16,}"),
    "kit_": re.compile(r"kit_[0-9a-f]{16,}"),
    "live_": re.compile(r"live_(?=[A-Za-z_=\-]*\d)[A-Za-z0-9_=\-]{20,}"),
    "test_": re.compile(r"test_(?=[A-Za-z=]*\d)(?=[a-z0-9=]*[A-Z])[A-Za-z0-9=]{24,}"),
    "access_": re.compile(r"access_(?=[A-Za-z]*\d)[A-Za-z0-9]{24,}"),
    "sandbox_": re.compile(r"sandbox_(?=[A-Za-z_=\-]*\d)[A-Za-z0-9_=\-]{24,}"),
    "secret_": re.compile(r"secret_(?=[A-Za-z]*\d)[A-Za-z0-9]{20,}"),
    "AKIA": re.compile(r"AKIA[A-Z0-9]{6,}"),
    "ASIA": re.compile(r"ASIA(?=[A-Z]*\d)[A-Z0-9]{8,}"),
    "ABIA": re.compile(r"ABIA(?=[A-Z]*\d)[A-Z0-9]{12,}"),
    "ACCA": re.compile(r"ACCA(?=[A-Z]*\d)[A-Z0-9]{12,}"),
    "ABSK": re.compile(r"ABSK[A-Za-z0-9+/=]{20,}"),
    "ATBB": re.compile(r"ATBB(?=[A-Za-z]*\d)[A-Za-z0-9]{16,}"),
    "EAA": re.compile(r"EAA(?=[A-Za-z]*\d)[A-Za-z0-9_\-]{22,}"),
    "AQ.": re.compile(r"AQ\.(?=[A-Za-z_\-]*\d)[A-Za-z0-9_\-]{16,}"),
    "act.": re.compile(r"act\.(?=[A-Za-z!.]*\d)[A-Za-z0-9!.]{24,}"),
    "00D": re.compile(r"00D[A-Za-z0-9]{9,15}![A-Za-z0-9._]{6,}"),
    "5Aep": re.compile(r"5Aep[A-Za-z0-9._]{20,}"),
    "v1.0-": re.compile(r"v1\.0-[0-9a-f]{16,}(?:-[0-9a-f]+)?"),
    "md-": re.compile(r"md-(?=[A-Za-z_\-]*\d)[A-Za-z0-9_\-]{22}(?![A-Za-z0-9_\-])"),
    "dG9r": re.compile(r"dG9r[A-Za-z0-9+/=_\-]{30,}"),
    "AAAA": re.compile(r"A{20,}+(?=[A-Za-z%]*+\d)[A-Za-z0-9%]{20,}"),
    "_secret_": re.compile(r"_secret_[A-Za-z0-9]{10,}"),
    "SK": re.compile(r"SK[0-9a-f]{32}(?![0-9a-f])"),
    "IG": re.compile(r"IG(?=[A-Za-z]*\d)[A-Za-z0-9_\-]{60,}"),
    "1000.": re.compile(r"1000\.[0-9a-f]{16,}\.[0-9a-f]{6,}"),
    "Q~": re.compile(r"Q~[A-Za-z0-9_~.\-]{10,}"),
    "-us": re.compile(r"-us\d{1,2}(?![\w\-])"),
    ":AA": re.compile(r":AA[A-Za-z0-9_\-]{20,}"),
    "patA": re.compile(r"pat[A-Za-z0-9]{14}\.[0-9a-f]{6,}"),
    ".atlasv1.": re.compile(r"\.atlasv1\.[A-Za-z0-9_\-=]{6,}"),
    ".pt.": re.compile(r"\.pt\.[A-Za-z0-9_\-]{30,}"),
    "RT1-": re.compile(r"RT1-[A-Za-z0-9\-]{16,}"),
    "AB11": re.compile(r"AB11[A-Za-z0-9\-]{24,}"),
    "key": re.compile(r"key(?=[A-Za-z]*\d)(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{14}(?![A-Za-z0-9])"),
    "pat": re.compile(r"pat(?=[A-Za-z]*\d)[A-Za-z0-9]{14}\.[0-9a-f]{6,}"),
}
# What must stand directly before a weak hit that is the middle of a token, and where the token starts.
_BEFORE = {
    "Q~": re.compile(r"[A-Za-z0-9_~.]{3}\d\Z"),
    "-us": re.compile(r"(?<![0-9a-f])[0-9a-f]{20,32}\Z"),
    ":AA": re.compile(r"(?<!\d)\d{5,16}\Z"),
    ".atlasv1.": re.compile(r"[A-Za-z0-9]{6,}\Z"),
    ".pt.": re.compile(r"(?<!\d)\d{3,}\Z"),
    "_secret_": re.compile(r"(?:pi|seti|cs|src)_[A-Za-z0-9]+\Z"),
}
_LEFT_OPEN = frozenset(_BEFORE)
# What these open is made beyond doubt when it is long: they count right behind a letter or digit too ("x1AKIA…").
_GLUED = frozenset(("sk-", "AKIA", "ASIA", "patA", "pat"))
_LONGEST_GLUED = 200  # characters of one, and what is longer is judged by these
_JWT = re.compile(r"eyJ[A-Za-z0-9_\-+/]{6,}={0,2}(?:\.[A-Za-z0-9_\-+/=]*)*")
_SPACED_JWTS = (
    re.compile(r"ey(?=[AB])[A-Za-z0-9_\-]{9,}\.[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*)*"),
    re.compile(r"ewog[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*"),
)
_PEM_LABEL = r"(?:[A-Z0-9]+ )*PRIVATE (?:KEY|MESSAGE)(?: BLOCK)?"
_PEM = re.compile(
    rf"(?:-----BEGIN |---- BEGIN ){_PEM_LABEL}-{{4,5}}"
    rf"(?:.*?-----END {_PEM_LABEL}-----|.*?---- END {_PEM_LABEL} ----"
    r"|(?:\s|\\+[nr]|[\"'+>|#*, ]|(?:Proc-Type|DEK-Info|Comment|Version|Hash|Charset): [^\n\\]*)*"
    r"(?:[A-Za-z0-9+/=]{16,}(?:\s|\\+[nr]|[\"'+>|#*, ])*)*(?:[A-Za-z0-9+/]{2,15}={0,2}(?![^\s\"'\\\-]))?)",
    re.S,
)
_PEM_END = re.compile(
    rf"(?:[A-Za-z0-9+/=]{{16,}}(?:\s|\\[nr])+)*[A-Za-z0-9+/=]{{2,}}(?:\s|\\[nr])*-----END {_PEM_LABEL}-----"
)
_PUTTY = re.compile(r"PuTTY-User-Key-File-\d.*?(?:Private-MAC: *[0-9a-f]+|\Z)", re.S)
_OTPAUTH = re.compile(r"otpauth(?:-migration)?://[^\s\"'<>]+")
# Each starts with a literal, so that the scan for it costs next to nothing.
_LOOSE = tuple(
    re.compile(p)
    for p in (
        r"\$(?:2[abxy]|5|6|1|y|apr1|argon2\w*|scrypt|pbkdf2[\w\-]*|sha1|P|H)\$[A-Za-z0-9./,=+$]{12,}",
        r"pbkdf2_sha\d+\$[A-Za-z0-9./,=+$]{20,}",
        r"scrypt\$[A-Za-z0-9./,=+$]{20,}",
        r"argon2\w*\$[A-Za-z0-9./,=+$]{20,}",
        r"bcrypt_sha256\$[A-Za-z0-9./,=+$]{20,}",
        r"LS0tLS1CRUdJTi(?:[A-Za-z0-9+/=]|\s(?=[A-Za-z0-9+/=]{16})){16,}",
        r"0tLS1CRUdJTi[A-Za-z0-9+/=]{16,}",
        r"LS0tQkVHSU4[A-Za-z0-9+/=]{16,}",
    )
)
# A mark inside of a token, what stands behind it, and what must stand before it.
_AROUND = (
    (
        re.compile(r"\.[A-Za-z\d_\-]{6}\.[A-Za-z\d_\-]{20,}"),
        re.compile(r"(?<![A-Za-z0-9_\-.])[MNO][A-Za-z\d_\-]{22,27}\Z"),
    ),
    (re.compile(r"\|[0-9A-Za-z_\-]{24,}"), re.compile(r"(?<!\d)\d{15,16}\Z")),
    (re.compile(r":[0-9a-f]{64}(?![0-9a-f])"), re.compile(r"(?<![0-9a-f])[0-9a-f]{24}\Z")),
    (re.compile(r"/\d{10,}(?:/\d+)?:[0-9a-f]{16,}"), re.compile(r"(?<!\d)[12]\Z")),
)
_CURSOR_BEFORE = re.compile(
    r"(?:cursor|page[_\-]?token|after|before|continuation\w*|next|offset)[\"']?\s*[:=]\s*[\"']?\Z", re.I
)


def find_tokens(page: Page) -> Iterator[Span]:
    """Yield every secret that its own look gives away."""
    text = page.text
    yield from _prefixed(page)
    if "eyJ" in text:
        yield from _jwts(text)
    for spaced in _SPACED_JWTS:
        yield from (Span(*m.span(), Kind.TOKEN) for m in spaced.finditer(text) if _is_spaced_jwt(m[0]))
    if "PRIVATE" in text:
        yield from (Span(*m.span(), Kind.SECRET) for m in _PEM.finditer(text))
        yield from (Span(*m.span(), Kind.SECRET) for m in _PEM_END.finditer(text))
    if "PuTTY" in text:
        yield from (Span(*m.span(), Kind.SECRET) for m in _PUTTY.finditer(text))
    if "otpauth" in text:
        yield from (Span(*m.span(), Kind.SECRET) for m in _OTPAUTH.finditer(text))
    for loose in _LOOSE:
        yield from (Span(*m.span(), Kind.SECRET) for m in loose.finditer(text))
    yield from _around_a_mark(text)


def _around_a_mark(text: str) -> Iterator[Span]:
    for mark, ahead in _AROUND:
        for found in mark.finditer(text):
            before = ahead.search(text, max(0, found.start() - 64), found.start())
            if before:
                yield Span(before.start(), found.end(), Kind.SECRET)


def _prefixed(page: Page) -> Iterator[Span]:
    text = page.text
    for start, prefix in page.prefixes:
        weak = _WEAK.get(prefix)
        if weak is None:
            body = _BODY.match(text, start + len(prefix))
            if body and not (prefix in _MEDIUM and not _stands_alone(text, start, body[0])):
                yield Span(start, _trim(text, start, body.end()), Kind.TOKEN)
            continue
        is_glued = text[max(0, start - 1) : start].isalnum() and prefix not in _LEFT_OPEN
        # Asked before the pattern: in a long run of one letter each letter begins a prefix, and each reads to the end.
        if is_glued and prefix not in _GLUED:
            continue
        found = weak.match(text, start)
        if found is None or (is_glued and not _is_long_and_made(found[0])):
            continue
        if prefix in _LEFT_OPEN:
            before = _BEFORE[prefix].search(text, max(0, start - 64), start)
            if before is None:
                continue
            start = before.start()
        yield Span(start, found.end(), Kind.TOKEN)


def _is_long_and_made(token: str) -> bool:
    return len(token) >= 20 and sum(map(str.isdigit, token[:_LONGEST_GLUED])) >= 2


def _stands_alone(text: str, start: int, body: str) -> bool:
    if text[max(0, start - 1) : start].isalnum():
        return len(body) >= 16 and _is_made(body)
    return any(c.isdigit() or c.isupper() for c in body[:40])


def _is_made(body: str) -> bool:
    """Tell whether a word has capitals, small letters and digits in its midst, as no written word has."""
    return any(map(str.isupper, body)) and any(map(str.islower, body)) and sum(map(str.isdigit, body)) >= 2


def _trim(text: str, start: int, end: int) -> int:
    """Leave the full stop that ends a sentence outside of a token."""
    while end > start and text[end - 1] in ".|!":
        end -= 1
    return end


def _jwts(text: str) -> Iterator[Span]:
    for found in _JWT.finditer(text):
        value = found[0]
        if "." not in value.rstrip("."):
            if _CURSOR_BEFORE.search(text, max(0, found.start() - 40), found.start()) or _is_plain_json(value):
                continue
        elif len(value) < 20:
            continue
        yield Span(found.start(), _trim(text, found.start(), found.end()), Kind.TOKEN)


def decode_base64(value: str) -> bytes | None:
    """Return the bytes of a base64 or base64url text, padded or not; None if it is neither."""
    bare = value.rstrip("=").replace("-", "+").replace("_", "/")
    bare = bare[: len(bare) - 1] if len(bare) % 4 == 1 else bare
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _is_plain_json(value: str) -> bool:
    """Tell whether this is a whole base64 JSON object other than a JOSE header, such as a page cursor."""
    raw = decode_base64(value) or b""
    return raw.startswith(b'{"') and raw.rstrip().endswith(b"}") and b'"alg"' not in raw and b'"typ"' not in raw


def _is_spaced_jwt(value: str) -> bool:
    raw = decode_base64(value.split(".")[0]) or b""
    return raw.lstrip().startswith(b"{") and b'"' in raw
