"""XML, SOAP, HTML and multipart: elements, attributes and parts named for a secret."""

import re
from collections.abc import Iterator

from secrets_vault.masking import headers
from secrets_vault.masking.lexicon import words
from secrets_vault.masking.names import classify
from secrets_vault.masking.page import Page
from secrets_vault.masking.spans import Kind, Span
from secrets_vault.masking.values import is_nothing, is_prose, passes

_ELEMENT = re.compile(r"<(?P<tag>(?:[\w.\-]+:)?(?P<name>[\w.\-]{2,64}))(?P<attrs>(?:\s[^<>]*)?)>")
_NAME_ATTRIBUTE = re.compile(
    r"\b(?:name|key|id|property|itemprop|parameter|field|http-equiv|n)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))",
    re.I,
)
_VALUE_ATTRIBUTE = re.compile(
    r"\b(?:value|content|data-value|val|v|default|text)\s*=\s*(?:\"(?P<a>[^\"]*)\"|'(?P<b>[^']*)'|(?P<c>[^\s\"'>]+))",
    re.I,
)
_PASSWORD_INPUT = re.compile(r"\btype\s*=\s*[\"']?password\b", re.I)
_OPEN = re.compile(r"<(?P<tag>[\w:.\-]+)(?P<attrs>\s[^<>]*?)/?>")
_NAMED = re.compile(
    r"<(?P<tag>[\w:.]*(?:name|key|field|parameter|Name|Key))(?:\s[^<>]*)?>\s*(?P<name>[^<]{1,80}?)\s*</(?P=tag)>"
    r"\s*(?:<[\w:.]+(?:\s[^<>]*)?>\s*){1,3}(?P<v>[^<]+)"
)
_PART = re.compile(
    r"form-data\s*;[^\n]*?\bname\*?=(?:utf-8'')?\"?(?P<name>[^\";\r\n]+)\"?[^\n]*\r?\n(?:[\w\-]+:[^\n]*\n)*\r?\n(?P<v>.*?)(?=\r?\n--|\Z)",
    re.S | re.I,
)
_NOT_SECRET_TAGS = words("plain_tags")


def find_markup(page: Page) -> Iterator[Span]:
    """Yield secrets in elements, attributes and multipart parts."""
    text = page.text
    if "<" in text:
        done: set[int] = set()
        for start, _, _, _ in page.known_names():
            opened = text.rfind("<", max(0, start - 400), start)
            if opened < 0 or opened in done:
                continue
            done.add(opened)
            yield from _element(text, opened)
            yield from _attribute(text, opened)
            yield from _named(text, opened)
    if "form-data" in text:
        yield from _parts(text)


def _element(text: str, opened: int) -> Iterator[Span]:
    for found in filter(None, (_ELEMENT.match(text, opened),)):
        name = found["name"]
        known = classify(name)
        if (
            known is None
            or known.only_if in ("code", "key", "random")
            or name.lower() in _NOT_SECRET_TAGS
            or found["attrs"].endswith("/")
        ):
            continue
        start = found.end()
        end = text.find(f"</{found['tag']}", start)
        value = text[start : end if end >= 0 else len(text)]
        if end < 0:
            stop = re.compile(r"[<\n]").search(text, start)
            end = stop.start() if stop else len(text)
            value = text[start:end]
        yield from _inner(start, value, known.kind, name)


def _inner(start: int, value: str, kind: Kind, name: str) -> Iterator[Span]:
    """Yield an element's content: all of it, a CDATA wrapper kept."""
    lead = re.match(r"\s*(?:<!\[CDATA\[)?", value)
    tail = re.search(r"(?:\]\]>)?\s*\Z", value)
    first, last = (lead.end() if lead else 0), (tail.start() if tail else len(value))
    inner = value[first:last]
    if is_nothing(inner) or (is_prose(inner) and " " in inner.strip()) or len(inner) > 65536:
        return
    if headers.role_of(name) == "auth":
        yield from _shifted(value, first, last, start)
        return
    yield Span(start + first, start + last, kind)


def _shifted(value: str, first: int, last: int, by: int) -> Iterator[Span]:
    for span in headers.auth_value(value, first, last):
        yield span._replace(start=span.start + by, end=span.end + by)


def _attribute(text: str, opened: int) -> Iterator[Span]:
    for found in filter(None, (_OPEN.match(text, opened),)):
        attrs = found["attrs"]
        named = _NAME_ATTRIBUTE.search(attrs)
        name = next((g for g in named.groups() if g), "") if named else ""
        known = classify(name) if name else None
        is_password = bool(_PASSWORD_INPUT.search(attrs))
        if not is_password and (known is None or known.only_if in ("code", "random")):
            continue
        kind = Kind.SECRET if is_password or known is None else known.kind
        value = _VALUE_ATTRIBUTE.search(attrs)
        if value and found["tag"].lower() not in ("button", "label", "option", "param-name"):
            group = value.lastgroup or 0
            if not is_nothing(value[group]) and passes(
                value[group], known.only_if if known and not is_password else ""
            ):
                first, last = value.span(group)
                yield Span(found.start("attrs") + first, found.start("attrs") + last, kind)
        elif (
            known
            and not value
            and found["tag"].lower()
            not in (
                "input",
                "label",
                "button",
                "a",
                "div",
                "form",
                "select",
                "section",
                "span",
                "meta",
                "p",
                "th",
                "td",
                "li",
                "h1",
                "h2",
                "h3",
            )
        ):
            yield from _text_of(text, found, kind)


def _text_of(text: str, found: re.Match[str], kind: Kind) -> Iterator[Span]:
    """Yield the content of `<property name="password">x</property>` and its like."""
    start = found.end()
    end = text.find("<", start)
    if end > start and text.startswith("</", end) and not is_nothing(text[start:end]) and text[found.end() - 2] != "/":
        yield Span(start, end, kind)


def _named(text: str, opened: int) -> Iterator[Span]:
    for found in filter(None, (_NAMED.match(text, opened),)):
        known = classify(found["name"])
        if known and not is_nothing(found["v"]) and passes(found["v"], known.only_if):
            yield Span(*found.span("v"), known.kind)


def _parts(text: str) -> Iterator[Span]:
    for found in _PART.finditer(text):
        known = classify(found["name"])
        if known and not is_nothing(found["v"]) and passes(found["v"], known.only_if):
            yield Span(*found.span("v"), known.kind)
