"""Names beside values, in any notation: `"password": "x"`, `api_key=x`, `Secret: x`, `token => 'x'`."""

import re
from collections.abc import Iterator

from secrets_vault.masking import headers
from secrets_vault.masking.lexicon import words
from secrets_vault.masking.names import NameClass, classify
from secrets_vault.masking.page import Page
from secrets_vault.masking.scan import block_end, line_end, line_start, opening_quote, string_end
from secrets_vault.masking.spans import Kind, Span
from secrets_vault.masking.values import is_code, is_nothing, is_number, is_prose, passes

_NAME = re.compile(
    r"(?<![\w\-.$%\[\]@])(?P<name>[\w\-.$%\[\]@\u200b-\u200f]{1,120}+)(?P<close>\\*[\"'`])?"
    r"(?P<sep>[ \t]*(?:=>|→|:=|\?=|\+=|=(?!=)|:(?![:/]))|\s*:(?![:/])(?=\s*[\"'\\{\[\d]))"
    r"(?P<gap>[ \t]*)"
)
_BEFORE_WORDS = re.compile(r"((?:[^\W\d_]+[ \t]+){1,3})\Z")
_LITERAL = re.compile(r"-?[\w.+\-]+")
_LINE_LEAD = re.compile(
    r"[ \t]*(?:[-*#>;|]+[ \t]+|export[ \t]+|set[ \t]+|setx[ \t]+|ENV[ \t]+|ARG[ \t]+|\$env:|env[ \t]+"
    r"|\+[ \t]*|declare -x[ \t]+)*\Z"
)
_COMMANDS = re.compile(
    r"(?:npm|npx|node|yarn|pnpm|bun|python3?|pip|uv|docker|podman|curl|wget|make|go|cargo|php|ruby|bundle|rails|java|"
    r"bash|sh|zsh|pytest|terraform|kubectl|helm|psql|pg_dump|mysql|mongo|redis-cli|aws|gcloud|az|\./|/|\w+ -|deno)"
)
_STOP_INLINE = re.compile(
    r"[\s&\"'<>`]|;(?=\s|\w+=|$)|,(?=\s|[\w.\-\[\]\"']+=|$)|\\[nrt\"]|\)(?=[\s,;.]|$)|\](?=[\s,;]|$)|\}(?=[\s,;}]|$)"
)
_STOP_QUERY = re.compile(r"[\s&\"'<>`#]|;")
_SETTING = re.compile(r"(?m)^[ \t]*(?:\[|[\w.\-]+[ \t]*[=:][ \t]*[\"']?(?P<v>[^\"'\n]+?)[\"']?[ \t]*\r?$)")
_SCOPE_WORDS = frozenset(("read", "write", "admin", "manage", "create", "delete", "update", "list", "view", "all", "*"))
_TRAILING = ".,;:!?)"
_MORE_PAIRS = re.compile(r"(?:^|[\s,;&|])[\w.\-]+[=:](?!/)\S?")
_TYPE_AHEAD = re.compile(r"\s*\n[ \t]+(?:[-\"']?type[\"']?|description|\$ref|required)\s*:")
_ERROR_TEXT = re.compile(
    r"(?:this (?:field|value|password|token)|(?:is|was|has|must|should|cannot|can't|can not|may not"
    r"|can only|does not|too) |"
    r"(?:please )?(?:enter|choose|provide|confirm|type|repeat|retype) (?:your|a|the|an|new) |forgot(?:ten)? |"
    r"(?:invalid|missing|incorrect|wrong|expired) \w+|(?:the |your |new |current |old )?(?:password"
    r"|token|api key|secret|pin|passphrase)s? "
    r"(?:is|are|must|has|should|can|may|was|do|does|reset|changed|required|field|length|expired|mismatch"
    r"|confirmation))",
    re.I,
)
_CAPTION = re.compile(
    r"[A-Za-z' ]*\b(?:password|passwort|token|api key|secret key|secret|pin|passphrase|code)s?\b[ .:!?*]*", re.I
)
_BLOCK_MARK = re.compile(r"[|>][+\-]?\d*[ \t]*(?:#.*)?\Z")
_MULTI_LAST = words("last_words")


def find_pairs(page: Page) -> Iterator[Span]:
    """Yield the values that stand beside a name of the lexicon."""
    text = page.text
    for start, _, name, known in page.names:
        if name[0] == "[" and name[-1] == "]" and known and not known.only_if:
            yield from _section(text, start, start + len(name))
        found = _NAME.match(text, start)
        if found is None or len(found["name"]) != len(name):
            continue
        if known is None or known.only_if:
            known = _with_words_before(text, found) or known
        if known is None or (found["sep"].strip() == ":" and _is_ternary(text, found)):
            continue
        yield from value_after(text, found, known)


def _section(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield every value under `[credentials]` in ini and TOML, up to the next section."""
    if line_start(text, start) != start or line_end(text, end) != end:
        return
    for found in _SETTING.finditer(text, end):
        if found["v"] is None:
            return
        if not is_nothing(found["v"]):
            yield Span(*found.span("v"), Kind.SECRET)


def _with_words_before(text: str, found: re.Match[str]) -> NameClass | None:
    """Read "API key: x" and "mot de passe : x", whose last word alone says too little."""
    if found["name"].lower() not in _MULTI_LAST:
        return None
    before = _BEFORE_WORDS.search(text, max(0, found.start() - 40), found.start())
    if before is None:
        return None
    words = before[1].split()
    for count in range(1, len(words) + 1):
        known = classify(" ".join([*words[-count:], found["name"]]))
        if known and not known.only_if:
            return known
    return None


def _is_ternary(text: str, found: re.Match[str]) -> bool:
    return text[max(0, found.start() - 2) : found.start()].strip() == "?"


def value_after(text: str, found: re.Match[str], known: NameClass) -> Iterator[Span]:
    """Yield the value of one name, wherever it ends."""
    start = found.end()
    role = headers.role_of(found["name"])
    start = _skip_break(text, start) if found["close"] else start
    if text[start : start + 1] in "bru@" and text[start + 1 : start + 2] in ("'", '"'):
        start += 1
    quote = opening_quote(text, start)
    if quote and not found["close"] and _closes(text, found.start(), quote):
        return
    if quote:
        yield from _quoted(text, start + len(quote), quote, known, role)
    elif found["close"] and text[start : start + 1] in ("{", "["):
        if known.only_if not in ("code", "key", "random") and not _is_schema(text, start):
            yield from _block(text, start)
    elif found["close"]:
        yield from _literal(text, start, known)
    else:
        yield from _bare(text, found, known, role)


def _skip_break(text: str, start: int) -> int:
    while start < len(text) and text[start] in " \t\r\n":
        start += 1
    return start


def _closes(text: str, at: int, quote: str) -> bool:
    """Tell whether a quote after `name=` ends a string that holds the name, as in `"password=" + value`."""
    before = text[max(line_start(text, at), at - 2000) : at]
    return (before.count(quote) - before.count("\\" + quote)) % 2 == 1


def _quoted(text: str, start: int, quote: str, known: NameClass, role: str) -> Iterator[Span]:
    if quote in ('"', "'") and text.startswith(quote * 2, start) and not text.startswith(quote * 3, start):
        end = text.find(quote * 3, start + 2)
        start, end = start + 2, len(text) if end < 0 else end
    else:
        end = string_end(text, start, quote)
    value = text[start:end]
    if "\n" in value and quote == "'" and text[end : end + 1] == "":
        end = line_end(text, start)
        value = text[start:end]
    if is_nothing(value) or not passes(value, known.only_if):
        return
    if role == "auth":
        yield from headers.auth_value(text, start, end)
    elif role == "cookie":
        yield from headers.cookie_value(text, start, end)
    elif known.only_if or not _is_label(value):
        yield Span(start, end, known.kind)


def _is_label(value: str) -> bool:
    """Tell whether a quoted value is a caption ("Enter your password") rather than a secret."""
    return bool(_ERROR_TEXT.match(value)) or (" " in value and bool(_CAPTION.fullmatch(value)))


def _is_error_list(text: str, start: int, end: int) -> bool:
    """Tell whether a list only says what is wrong with a field, as validation errors do."""
    items = re.findall(r"\"((?:[^\"\\]|\\.)*)\"", text[start:end]) if text[start] == "[" else []
    return bool(items) and all(_ERROR_TEXT.match(i) or (" " in i and i.rstrip().endswith(".")) for i in items)


def _is_schema(text: str, start: int) -> bool:
    """A JSON schema describes a password; it does not hold one."""
    return bool(re.match(r"\{\s*\"(?:type|\$ref|description|title|format)\"\s*:", text[start : start + 80]))


def _block(text: str, start: int) -> Iterator[Span]:
    end = block_end(text, start)
    if text[start + 1 : end - 1].strip() and not _is_error_list(text, start, end):
        yield Span(start, end, Kind.SECRET, '"')


def _literal(text: str, start: int, known: NameClass) -> Iterator[Span]:
    found = _LITERAL.match(text, start)
    if found is None or is_nothing(found[0]) or (not is_number(found[0]) and is_code(text[start : start + 60])):
        return
    if known.only_if in ("code", "key", "random", "url", "never") or not passes(found[0], known.only_if):
        return
    yield Span(start, found.end(), Kind.SECRET, '"')


def _bare(text: str, found: re.Match[str], known: NameClass, role: str) -> Iterator[Span]:
    start, eol = found.end(), line_end(text, found.end())
    if role:
        value_end = headers.value_end(text, start, text[max(0, found.start() - 1) : found.start()])
        inline = _STOP_INLINE.search(text, start, value_end)
        if "=" in found["sep"] and inline:
            value_end = inline.start()
        yield from (headers.auth_value if role == "auth" else headers.cookie_value)(text, start, value_end)
        return
    at_line_start = bool(_LINE_LEAD.match(text, line_start(text, found.start()), found.start()))
    if not at_line_start and known.kind is Kind.SECRET and name_is_last_word(found["name"]):
        lead = text[line_start(text, found.start()) : found.start()]
        at_line_start = bool(re.fullmatch(r"[ \t]*(?:[^\W\d_]+[ \t]+){1,3}", lead))
    if start >= eol or _BLOCK_MARK.match(text[start:eol]):
        if at_line_start and ":" in found["sep"]:
            yield from _indented(text, found, known)
        return
    end = _bare_end(text, found, eol, at_line_start)
    value = text[start:end]
    if _is_harmless(text, found, value, end) or not passes(value, known.only_if):
        return
    yield Span(start, end, known.kind)


def name_is_last_word(name: str) -> bool:
    return name.lower() in _MULTI_LAST


def _is_harmless(text: str, found: re.Match[str], value: str, end: int) -> bool:
    name = found["name"].rpartition(".")[2]
    rest = text[found.end() : end + 40].partition("\n")[0]
    if is_nothing(value) or value.rstrip(";,").lower() == name.lower():
        return True
    if found["sep"] == ":" and not found["gap"] and value.lower() in _SCOPE_WORDS:
        return True
    spaced = bool(found["gap"]) or found["sep"][:1] == " " or ":" in found["sep"]
    if spaced and is_prose(rest):
        return True
    if is_code(rest) and not re.match(r"[^\s(\[]*&", rest):
        return True
    if (name.upper() == "PWD" and value[:1] in "/~.") or name.upper() == "OLDPWD":
        return True
    return bool(re.fullmatch(r"[A-Za-z]+(?:_[A-Za-z]+)+|[a-z]+(?:[A-Z][a-z]+)+", value)) and classify(value) is not None


def _bare_end(text: str, found: re.Match[str], eol: int, at_line_start: bool) -> int:
    """Return where an unquoted value ends: with its line in .env, ini and YAML, else with its word."""
    start = found.end()
    stop = _STOP_INLINE.search(text, start, eol)
    word_end = stop.start() if stop else eol
    rest = text[word_end:eol]
    if at_line_start and ":" in found["sep"] and "-" in found["name"]:  # a header ends with its line
        return start + len(text[start:eol].rstrip())
    if (
        at_line_start
        and rest[:1] in (" ", "\t", "#", "'", '"', ",", ";", ")", "}", "]", "<", ">", "`", "&")
        and not _MORE_PAIRS.search(rest)
    ):
        comment = re.search(r"[ \t]+(?:#|//|;)", text[start:eol])
        whole = start + comment.start() if comment else eol
        spaced = rest[:1] in " \t"
        if not spaced or not _COMMANDS.match(rest.strip()):
            return start + len(text[start:whole].rstrip())
    return (
        start + len(text[start:word_end].rstrip(_TRAILING))
        if word_end == eol or text[word_end : word_end + 1].isspace()
        else word_end
    )


def _indented(text: str, found: re.Match[str], known: NameClass) -> Iterator[Span]:
    """Yield a YAML value that stands on the following, deeper lines: a nested map, a list or a `|` block."""
    if known.only_if or _TYPE_AHEAD.match(text, line_end(text, found.end())):
        return
    own = line_start(text, found.start())
    indent = found.start() - own
    at = text.find("\n", found.end()) + 1
    first = last = 0
    while at:
        end = line_end(text, at)
        line = text[at:end]
        depth = len(line) - len(line.lstrip())
        is_item = line.lstrip().startswith("- ") and depth >= indent
        if line.strip() and depth <= indent and not (is_item and depth == indent):
            break
        if line.strip():
            first, last = first or at + depth, at + len(line.rstrip())
        at = text.find("\n", at) + 1
    if first and not is_prose(text[first:last]):
        yield Span(first, last, Kind.SECRET)
