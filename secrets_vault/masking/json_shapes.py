"""JSON's own ways to pair a name with a value: siblings, two-item lists, private parts of a JWK."""

import re
from collections.abc import Iterator

from secrets_vault.masking import headers
from secrets_vault.masking.lexicon import words
from secrets_vault.masking.names import JWK_PRIVATE, PAIR_NAMES, PAIR_VALUES, NameClass, classify, pair_word
from secrets_vault.masking.page import Page
from secrets_vault.masking.scan import block_end, string_end
from secrets_vault.masking.spans import Kind, Span
from secrets_vault.masking.values import is_nothing, is_prose, passes

_MEMBER = re.compile(
    r"[\"'](?P<key>[\w \-]{1,24})[\"']\s*[:=]>?\s*(?:[bu](?=[\"']))?(?P<q>[\"'])(?P<name>[^\"'\\\n]{1,80})(?P=q)"
)
_ANY_MEMBER = re.compile(r"[\"'](?P<key>[\w \-]{1,24})[\"']\s*[:=]>?\s*(?:[bu](?=[\"']))?(?=(?P<v>[\"'{\[\d\-]))")
_LIST_PAIR = re.compile(r"(?P<open>[\[(])\s*b?(?P<q>[\"'])(?P<name>[^\"'\\\n]{1,80})(?P=q)\s*,\s*b?(?P<v>[\"'\d])")
_FLAG_ITEM = re.compile(r"(?P<q>[\"'])(?P<name>--?[A-Za-z][\w\-]{1,60})(?P=q)\s*,\s*(?P<v>[\"'])")
_JWK = re.compile(r"[\"']kty[\"']\s*:\s*[\"'](?:RSA|EC|OKP|oct|AKP)[\"']")
_MEMBER_BEFORE = re.compile(r"[\"'](?P<key>[\w \-]{1,24})[\"']\s*[:=]>?\s*[bu]?[\"']\Z")
_YAML_NAME = re.compile(r"(?:^|[\s{,\-])(?:name|key):[ \t]*\Z")
_YAML_VALUE = re.compile(r"[ \t]*(?:,|\r?\n)[ \t]*(?:value|val|default):[ \t]*[\"']?(?P<v>[^\"'\n,}]+)")
_OPEN_BEFORE = re.compile(r"[\[(]\s*b?[\"']\Z")
_WORD = re.compile(r"[a-z]+(?:[_ ][a-z]+)*\Z|[a-z]+(?:[A-Z][a-z]+)+\Z")
_CODE_NEIGHBOUR = re.compile(r"[\"'](?:message|msg|type|error|status|detail|title|reason|description)[\"']\s*:", re.I)
REACH = 65536


def find_json_shapes(page: Page) -> Iterator[Span]:
    """Yield values whose name stands beside them rather than before a colon."""
    text = page.text
    for start, end, name, known in page.known_names():
        before = text[max(0, start - 64) : start]
        if before[-1:] not in ("'", '"', "\\") and not name.startswith("-"):
            if before[-1:] in (" ", "-"):
                yield from _spaced(text, start)
            yield from _yaml_sibling(text, end, before, known)
            continue
        member = _MEMBER_BEFORE.search(before)
        if member and pair_word(member["key"]) in PAIR_NAMES:
            yield from _sibling(text, start, name, known)
        elif text[end : end + 1] in ("'", '"'):
            yield from _lists(text, start, before, known)
    for found in _JWK.finditer(text) if "kty" in text else ():
        yield from _private_parts(text, found)


def _yaml_sibling(text: str, end: int, before: str, known: NameClass) -> Iterator[Span]:
    """Read `- name: DB_PASSWORD` with `value: x` on the next line, as Kubernetes writes it."""
    found = _YAML_VALUE.match(text, end) if _YAML_NAME.search(before) else None
    if found and not is_nothing(found["v"]) and passes(found["v"], known.only_if):
        yield Span(found.start("v"), found.start("v") + len(found["v"].rstrip()), known.kind)


def _spaced(text: str, start: int) -> Iterator[Span]:
    """Read a quoted name of two words, as in `{"name": "API key", "value": …}`."""
    found = _MEMBER.search(text, max(0, start - 64), start + 64)
    if found and found.start("name") < start < found.end("name") and pair_word(found["key"]) in PAIR_NAMES:
        known = classify(found["name"])
        if known:
            yield from _sibling(text, start, found["name"], known)


def object_around(text: str, at: int) -> tuple[int, int]:
    """Return the braces around a position. Quoted braces on the way back are taken as they come: it may only widen."""
    depth = 0
    for start in range(at - 1, max(-1, at - REACH), -1):
        if text[start] == "}":
            depth += 1
        elif text[start] == "{":
            if depth == 0:
                return start, block_end(text, start)
            depth -= 1
    return max(0, at - 256), min(len(text), at + 4096)


def _members(text: str, start: int, end: int) -> Iterator[re.Match[str]]:
    """Yield the members of one object, those of nested objects left out."""
    at = start + 1
    while True:
        found = _ANY_MEMBER.search(text, at, end)
        if found is None:
            return
        opened = text.find("{", at, found.start())
        if opened >= 0:
            at = max(block_end(text, opened), at + 1)
            continue
        yield found
        at = _value_end(text, found)


def _value_end(text: str, found: re.Match[str]) -> int:
    mark = found["v"]
    if mark in "\"'":
        return min(len(text), string_end(text, found.end() + 1, mark) + 1)
    if mark in "{[":
        return block_end(text, found.end())
    ended = re.compile(r"[,}\]\s]").search(text, found.end())
    return ended.start() if ended else len(text)


def _sibling(text: str, at: int, name: str, known: NameClass) -> Iterator[Span]:
    start, end = object_around(text, at)
    for found in _members(text, start, end):
        if pair_word(found["key"]) not in PAIR_VALUES:
            continue
        first, last = found.end(), _value_end(text, found)
        if found["v"] in "\"'":
            yield from named_value(text, first + 1, last - 1, name, known)
        elif known.only_if in ("", "text") and text[first:last].strip("[]{} \n"):
            yield Span(first, last, Kind.SECRET, '"')


def named_value(text: str, start: int, end: int, name: str, known: NameClass) -> Iterator[Span]:
    """Yield what to cover in the quoted value of a sensitive name."""
    value = text[start:end]
    if is_nothing(value) or not passes(value, known.only_if):
        return
    role = headers.role_of(name)
    if role == "auth":
        yield from headers.auth_value(text, start, end)
    elif role == "cookie":
        yield from headers.cookie_value(text, start, end)
    else:
        yield Span(start, end, known.kind)


def _lists(text: str, start: int, before: str, known: NameClass) -> Iterator[Span]:
    opened = _OPEN_BEFORE.search(before)
    found = _LIST_PAIR.match(text, start - len(opened[0])) if opened else None
    if found:
        yield from _second_item(text, found, known, is_flag=False)
    flag = _FLAG_ITEM.match(text, start - 1)
    if flag:
        yield from _second_item(text, flag, known, is_flag=True)


def _second_item(text: str, found: re.Match[str], known: NameClass, *, is_flag: bool) -> Iterator[Span]:
    start, mark = found.end(), found["v"]
    if mark.isdigit():
        number = re.compile(r"\d+(?=\s*[\])])").match(text, start - 1)
        if number:
            yield Span(*number.span(), Kind.SECRET, '"')
        return
    end = string_end(text, start, mark)
    value = text[start:end]
    if not is_flag:
        closed = re.compile(r"[\"']\s*,?\s*[\])]").match(text, end)
        if not closed or is_prose(value) or _is_field_name(value):
            return
    if is_flag and value.startswith("-"):
        return
    yield from named_value(text, start, end, found["name"], known)


def _is_field_name(value: str) -> bool:
    return value.lower() in _FIELD_NAMES or (_WORD.match(value) is not None and classify(value) is not None)


_FIELD_NAMES = words("field_names")


def _private_parts(text: str, jwk: re.Match[str]) -> Iterator[Span]:
    start, end = object_around(text, jwk.start())
    for found in _members(text, start, end):
        if found["key"] in JWK_PRIVATE:
            first, last = found.end(), _value_end(text, found)
            if found["v"] in "\"'":
                yield Span(first + 1, last - 1, Kind.SECRET)
            else:
                yield Span(first, last, Kind.SECRET, '"')


def is_error_code(text: str, at: int) -> bool:
    """Tell whether a `code` member has a message or a type beside it: then it names an error, not a grant."""
    start, end = object_around(text, at)
    return bool(_CODE_NEIGHBOUR.search(text, start, min(end, start + 4096)))
