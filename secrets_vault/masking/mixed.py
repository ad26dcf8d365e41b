"""Secrets that nothing but their mixture gives away: long runs of letters and digits as no person writes them."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from secrets_vault.masking.page import Page
from secrets_vault.masking.spans import Kind, Span
from secrets_vault.masking.values import HEX, UUID, entropy, is_jumbled, pieces_of

LEAST_MIXED = 32  # characters of a run that only its mixture gives away
_KEPT_BEFORE = re.compile(
    r"(?:(?:request|trace|span|correlation|transaction|operation|message|event|amz|invocation|activity|thread)[\w\-]*id"
    r"|x-amz-id-2|etag|traceparent|tracestate|cf-ray|integrity|nonce|digest|checksum|hash|cursor|page[_\-]?token|after|"
    r"before|starting_after|next|fingerprint|sha\d{1,3}|md5|rev|revision|commit|digest-alg|msgid|message-id|id)"
    r"[\"']?\s*[:=]\s*[\"']?(?:W/)?\\?[\"'<]?\Z|sha(?:1|256|384|512)[\-:=]\Z|base64,\Z|\bh1:\Z",
    re.I,
)
_SHORTEST_CODE = 16
_LEAST_ENTROPY_OF_ONE_CASE = 4.0  # bits a character: of sixteen digits, as a digest behind a prefix has, it is less
_MOST_A_PIECE = 4.5  # letters, or digits, that stand together in a code of one case; in words there are twice as many
# Without a word's capitals and without what would set words apart: nobody writes so much in one piece.
_ONE_CASE = re.compile(rf"(?<![A-Za-z0-9])(?:[a-z0-9]{{{LEAST_MIXED},}}|[A-Z0-9]{{{LEAST_MIXED},}})(?![A-Za-z0-9])")
_ESCAPED = re.compile(r"(?:[A-Za-z0-9_\-]++|%2[BFbf]|%3[Dd])+")
_WORD = re.compile(r"[a-z]{4,}\d?\Z")  # a segment of base64 is one once in fifty times, and two of one run never
_PUBLIC = re.compile(
    r"(?:pk_live_|pk_test_|phc_|sb_publishable_|AAAAB3NzaC1|AAAAC3NzaC1|AAAAE2VjZHNh|MII[A-Z]|sha\d{3}-"
    r"|chatcmpl-|(?:msg|req|resp|run|thread|asst|file|cus|ch|evt|in|sub|price|prod|acct|txn|call|toolu"
    r"|batch|vs|step|item|gen|cmpl|pm|py|re|po|tr|card|seti|pi|cs|il|si|sess|fp|rs|fc|ws|ord|inv|usr|org"
    r"|proj|trace|span|log|job|task|doc|wf|exec)[_\-])"
)


def find_mixed(page: Page) -> Iterator[Span]:
    """Yield every run, or segment of one that reads like a path, that was generated."""
    for found in page.runs:
        value, at = found[0], found.start()
        if not _is_mixed(value) or is_public(value) or HEX.match(value) or UUID.match(value):
            continue
        if _is_kept(page.text, at):
            continue
        for start, piece in _pieces(value):
            yield Span(at + start, at + start + len(piece), Kind.TOKEN)
        for code in _ONE_CASE.finditer(value):
            if _is_one_case_code(code[0]):
                yield Span(at + code.start(), at + code.end(), Kind.TOKEN)
    yield from _escaped(page)


def _escaped(page: Page) -> Iterator[Span]:
    """Yield base64 of which a slash is written %2F: decoded it would read like the places of a path."""
    if "%2" not in page.text:
        return
    for found in _ESCAPED.finditer(page.text):
        if len(found[0]) < LEAST_MIXED or "%2" not in found[0]:
            continue
        value = unquote(found[0])
        if "/" not in value or _has_words(value) or is_public(value) or _is_kept(page.text, found.start()):
            continue
        if _is_generated(value):
            yield Span(*found.span(), Kind.TOKEN)


def _is_kept(text: str, at: int) -> bool:
    """Tell whether what stands before a place says that no secret begins there."""
    return _KEPT_BEFORE.search(text, max(0, at - 48), at) is not None


def is_public(value: str) -> bool:
    """Tell whether a run begins as the ids do that vendors show to everybody."""
    return _PUBLIC.match(value) is not None


def _pieces(value: str) -> list[tuple[int, str]]:
    """Return what is generated of a run, and where: all of it, or, where it reads like a path, such segments of it."""
    placed = list(_segments(value))
    segments = [segment for _, segment in placed if segment]
    wordy = sum(len(s) for s in segments if not is_jumbled(s) or len(s) < 12)
    if len(segments) >= 2 and wordy * 3 >= len(value):
        return [(at, segment) for at, segment in placed if _is_generated(segment)]
    if not _is_generated(value):
        return []
    if _has_words(value):
        return [(at, segment) for at, segment in placed if _is_code(segment)]
    return [(0, value)]


def _has_words(value: str) -> bool:
    """Tell a path from base64 with slashes: two words at least stand between them."""
    return sum(1 for segment in value.split("/") if _WORD.match(segment)) >= 2


def _segments(value: str) -> Iterator[tuple[int, str]]:
    at = 0
    for segment in value.split("/"):
        yield at, segment
        at += len(segment) + 1


def _is_generated(piece: str) -> bool:
    """Tell whether a long piece is as mixed as only what was generated is."""
    return _is_mixed(piece) and entropy(piece) >= 4.2 and is_jumbled(piece)


def _is_one_case_code(code: str) -> bool:
    """Tell a generated code from words that stand together, and from a digest or a number."""
    if HEX.match(code.removeprefix("0x")) or code.isalpha() or entropy(code) < _LEAST_ENTROPY_OF_ONE_CASE:
        return False
    return len(code) < _MOST_A_PIECE * pieces_of(code)


def _is_code(segment: str) -> bool:
    """Tell whether a segment among words may be generated, short as it is; ids that everybody may see are not meant."""
    return len(segment) >= _SHORTEST_CODE and is_jumbled(segment) and not (UUID.match(segment) or HEX.match(segment))


def _is_mixed(value: str) -> bool:
    """Tell whether a run (ASCII, see `RUN`) has digits among its letters, as no word has."""
    if len(value) < LEAST_MIXED:
        return False
    digits = sum(map(str.isdigit, value))
    lower, upper = value.upper() != value, value.lower() != value
    return bool(digits) and ((lower and upper) or ((lower or upper) and digits >= 4))
