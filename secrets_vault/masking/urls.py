"""URLs and connection strings: passwords before the host, and addresses that are themselves the secret."""

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

from secrets_vault.masking.lexicon import words
from secrets_vault.masking.mixed import is_public
from secrets_vault.masking.names import NameClass, classify
from secrets_vault.masking.page import Page
from secrets_vault.masking.spans import Kind, Span
from secrets_vault.masking.values import is_nothing, is_random

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{1,30}:(?:\\?/){2}(?P<rest>[^\s\"'<>`]+)")
_HOST = r"(?:[\w.\-]+|\[[0-9a-fA-F:.]+\])(?::\d+)?(?:[/?#,;)\\]|$)"
_STRICT_END = re.compile(r"[/?#]")
_AT_HOST = re.compile(r"@(?=" + _HOST + ")")
_PORT = re.compile(r"\d{1,5}(?:[/?#]|$)")
_GO_DSN = re.compile(r"(?<![\w/])[\w.\-]+:(?P<pw>[^\s\"'`]+)@(?:tcp|udp|unix)\(")
_ORACLE = re.compile(
    r"(?:thin|oci8?):(?P<user>[\w.\-]+)/(?P<pw>[^\s\"']+)@(?=[\w/\-(])|(?:sqlplus|sqlldr|expdp"
    r"|impdp)\s+[\w.\-]+/(?P<pw2>[^\s\"'@]+)(?:@|\s|$)"
)
_BARE_USERINFO = re.compile(
    r"(?<![\w/:.@+\-])(?P<user>[\w.+\-]+):(?P<pw>[^\s:@/\"'<>]{3,})@(?:[\w\-]+\.)*[\w\-]+(?::\d{2,5}|/\w)"
)
_NOT_USER = words("not_users")
_HOSTS = tuple(host.partition("/")[0] for host in words("capability_hosts") if not host.startswith("/"))

_CAPABILITY = re.compile(
    r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers|commands|actions)/(?P<slack>[^\s\"'<>`?#\\)\]]+)"
    r"|discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d+/(?P<discord>[^\s\"'<>`?#\\)\]]+)"
    r"|(?:[\w.\-]{0,255}webhook\.office\.com|outlook\.office(?:365)?\.com)/webhook(?:b2)?/(?P<teams>[^\s\"'<>`?#\\)\]]+)"
    r"|(?:hooks|hook|catch|mcp|actions)\.zapier\.com/(?:hooks/(?:catch|standard)/(?:v\d/)?\d+/|hooks/"
    r"|api/mcp/s/|[\w/]*?/)(?P<zapier>[^\s\"'<>`?#\\)\]]+)"
    r"|hook\.(?:[\w\-]+\.)?(?:make|integromat|celonis)\.com/(?P<make>[^\s\"'<>`?#\\)\]]+)"
    r"|api\.telegram\.org/(?:file/)?bot(?P<telegram>[^\s\"'<>`?#\\/)\]]+)"
    r"|maker\.ifttt\.com/trigger/[^/\s]+/(?:json/)?with/key/(?P<ifttt>[\w\-]+)"
    r"|(?P<pipedream>\b[\w\-]{6,255})\.m\.pipedream\.net"
    r"|connect\.pabbly\.com/(?:workflow|webhook)/(?:sendwebhookdata|listener)/(?P<pabbly>[^\s\"'<>`?#\\)\]]+)"
    r"|webhook\.site/(?P<site>[0-9a-f\-]{20,})"
    r"|(?:webhooks?|hooks)\.(?:workato|airtable|integrately|activepieces|tray|n8n|mattermost|rocket|us"
    r"|frontapp)[\w.\-]{0,255}/"
    r"(?:webhooks?/|workflows/|rest/|hooks/|services/)*(?P<other>[^\s\"'<>`?#\\)\]]{6,})"
    r"|hc-ping\.com/(?P<ping>[^\s\"'<>`?#\\)\]]{12,})"
    r"|(?:events|integrations?)\.pagerduty\.com/integration/(?P<pagerduty>\w+)"
    r"|calendar\.google\.com/calendar/ical/[^/\s]+/private-(?P<ical>\w+)"
    r"|script\.google\.com/(?:a/)?macros/(?:[\w.]+/)?s/(?P<script>[\w\-]{12,})"
    r"|cloud\.activepieces\.com/api/v1/webhooks/(?P<pieces>[\w\-]+)"
    r"|(?:uptime\.betterstack\.com|betteruptime\.com)/api/v1/heartbeat/(?P<heart>\w+)"
    r"|/(?:rest/\d+/)(?P<bitrix>[a-z0-9]{12,})(?=/)",
    re.I,
)
_WEBHOOK_PATH = re.compile(r"/webhook(?:-test|-waiting)?/(?P<id>[^\s\"'<>`?#\\)\],;&]+)")
_TELEGRAM_PATH = re.compile(r"/bot(?P<t>\d{5,}(?::|%3A)[\w\-]{6,})")
_PLACE = re.compile(r"/(?P<name>[A-Za-z][\w\-]{2,39})(?=/(?P<v>[A-Za-z0-9_\-]{16,255})(?![\w\-%.~]))")
_QUERY_KEY = re.compile(r"[?&](?:amp;)?(?P<n>[\w\-.]+)=(?P<v>[^&\s\"'<>`#;]+)")
_FIND_AT = re.compile("@")
_SCHEME_BEFORE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{0,30}\Z")
_BREAKS_URL = re.compile(r"[\s\"'<>`]")
_ODBC_BRACES = re.compile(r";\s*(?:pwd|password)\s*=\s*(?P<v>\{(?:[^}]|\}\})*\}?)", re.I)
_ODBC_QUOTED = re.compile(r";\s*(?:pwd|password)\s*=\s*(?P<v>(?:[^;\"'\s]|[ ](?!\w+=))+)", re.I)


@lru_cache(maxsize=512)
def may_hold_capabilities(host: str) -> bool:
    """Tell whether an address at a host may itself be the secret, as a webhook's of Slack is."""
    return any(part in host.lower() for part in _HOSTS)


def find_capabilities(text: str) -> Iterator[Span]:
    """Yield, of addresses that are themselves the secret, what nobody may know."""
    for found in _CAPABILITY.finditer(text):
        start, end = _trimmed(text, *found.span(found.lastgroup or 0))
        yield Span(start, end, Kind.SECRET)


def find_urls(page: Page) -> Iterator[Span]:
    """Yield passwords in authority parts, capability paths, keys in queries."""
    text = page.text
    if "@" in text:
        yield from _with_scheme(text)
        yield from _without_scheme(text)
    for found in _WEBHOOK_PATH.finditer(text):
        yield Span(*_trimmed(text, *found.span("id")), Kind.SECRET)
    for found in _TELEGRAM_PATH.finditer(text):
        yield Span(*found.span("t"), Kind.SECRET)
    yield from _behind_its_name(text)
    if page.has_hosts:
        yield from find_capabilities(text)
    for start, _, _, known in page.known_names():
        if text[start - 1 : start] in ("?", "&", ";"):
            yield from _query(text, start - 1, known)


def _behind_its_name(text: str) -> Iterator[Span]:
    """Yield what was generated and stands in a path behind the name of a secret: `/oauth/v1/refresh-tokens/<uuid>`."""
    for found in _PLACE.finditer(text):
        known = classify(found["name"])
        if known is None or known.only_if == "never":
            continue
        value = found["v"]
        is_shown = value.startswith("0x") or is_public(value)  # `/token/0x…` is the address of a coin
        if is_random(value) and not is_shown:
            yield Span(*found.span("v"), Kind.TOKEN)


def _query(text: str, start: int, known: NameClass) -> Iterator[Span]:
    """Yield the value of `?key=` and `&code=`, and a password with spaces between the `;` of a connection string."""
    found = _QUERY_KEY.match(text, start) if known.only_if in ("key", "code", "text") else None
    if found and _is_query_secret(unquote(found["v"])):
        yield Span(*found.span("v"), known.kind)
    for pattern in (_ODBC_BRACES, _ODBC_QUOTED) if text[start] == ";" else ():
        found = pattern.match(text, start)
        if found and not is_nothing(found["v"]):
            yield Span(*found.span("v"), Kind.SECRET)


def _with_scheme(text: str) -> Iterator[Span]:
    """Look at the URLs that hold an @ only; the others have no userinfo."""
    done = -1
    for at in _FIND_AT.finditer(text):
        if at.start() < done:
            continue
        slashes = max(text.rfind(mark, max(0, at.start() - 2048), at.start()) for mark in ("://", ":\\/\\/"))
        if slashes < 0 or _BREAKS_URL.search(text, slashes, at.start()):
            continue
        scheme = _SCHEME_BEFORE.search(text, max(0, slashes - 31), slashes)
        url = _URL.match(text, scheme.start()) if scheme else None
        if url:
            done = url.end()
            yield from _userinfo(url["rest"], url.start("rest"), url[0][:8].lower())


def _is_query_secret(value: str) -> bool:
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return (mixed and len(value) >= 10) or is_random(value)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    if text.startswith("****", start):
        return start, start
    while end > start + 1 and text[end - 1] in ".,:;!)}]*":
        end -= 1
    return start, end


def _userinfo(rest: str, offset: int, scheme: str) -> Iterator[Span]:
    """Yield the password (or the token that stands alone) before the host, even with unescaped @ / # in it."""
    authority_end = _STRICT_END.search(rest)
    strict = rest[: authority_end.start()] if authority_end else rest
    at = strict.rfind("@")
    is_web = scheme.startswith(("http", "ws", "ftp"))
    if at < 0 or not is_web:
        at = max(at, _last_at(rest, strict, is_web))
    if at <= 0:
        return
    user, colon, password = rest[:at].partition(":")
    if not colon:
        if is_random(user) or len(user) >= 24:
            yield Span(offset, offset + at, Kind.TOKEN)
        return
    if is_nothing(password):
        if user and (not password) and (is_random(user, at_least=12) or len(user) > 20):
            yield Span(offset, offset + len(user), Kind.TOKEN)
        return
    if is_random(user, at_least=24) and password in ("x-oauth-basic", "x", "X"):
        yield Span(offset, offset + len(user), Kind.TOKEN)
        return
    yield Span(offset + len(user) + 1, offset + at, Kind.SECRET)


def _last_at(rest: str, strict: str, is_web: bool) -> int:
    """Find the @ of a password that holds / ? or # unescaped; a port, not a password, rules it out."""
    user, colon, _ = strict.partition(":")
    if not colon and "@" not in strict:
        return -1
    if "@" not in strict and (_PORT.match(rest[len(user) + 1 :]) or (not user and is_web)):
        return -1
    ends = [m.start() for m in _AT_HOST.finditer(rest)]
    return ends[-1] if ends else -1


def _without_scheme(text: str) -> Iterator[Span]:
    for pattern in (_GO_DSN, _BARE_USERINFO):
        for found in pattern.finditer(text):
            if pattern is _BARE_USERINFO and found["user"].lower() in _NOT_USER:
                continue
            yield Span(*found.span("pw"), Kind.SECRET)
    for found in _ORACLE.finditer(text):
        yield Span(*found.span("pw" if found["pw"] else "pw2"), Kind.SECRET)
