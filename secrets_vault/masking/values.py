"""Does a value look like a secret, or like prose, code, a type, a placeholder?"""

import math
import re
from collections import Counter
from itertools import pairwise

from secrets_vault.masking.lexicon import words

_PLACEHOLDER = re.compile(
    r"(?:\$\{[^}]*\}?|\$\w+|\{\{.*|\{%.*|%\(?\w*\)?[sdr]|<[\w .\-|:]+>|\*+|x{3,}|\.{3}|…|-+|_+"
    r"|\[?<?(?:redacted|filtered|hidden|masked|removed|withheld|omitted|secret|sanitized)[^\]>]*[\]>]?"
    r"|\$?\{[\w.]+\}|%[A-Z_]+%|\(not set\)|your[-_ ][\w\- ]+|insert[-_ ][\w\- ]+|replace[-_ ](?:me|with)[\w\- ]*)",
    re.I,
)
_NOTHING = words("no_secret_values")
_PROSE_STARTS = words("prose_starts")
_CODE = re.compile(
    r"(?:self|os|settings|request|req|res|config|cfg|process|env|this|args|kwargs|ctx|data|options|opts|params|"
    r"response|app|context|user|event|input|props|state|secrets|vault|form|body|payload|json|session|import|window|"
    r"document|localStorage|sessionStorage|System|Environment|cls|item|row|obj|record|account|credentials|client|"
    r"parser|util|utils|crypto|base64|await|new|function|lambda|async|getenv|return|typeof|var|let|const|None|"
    r"Field|Depends|Optional|Option|Union|List|Dict|Literal|Annotated|str|t|z|vars|steps|github|inputs|matrix|"
    r"each|data|local|module|random_password|aws_\w+)\b\s*(?:[.\[(<?|]|\s\w)"
)
_CALL = re.compile(r"(?:await |new |not )?[A-Za-z_$][\w$.]*(?:\(|\[[\"'\w]|<\w+>|::)")
_ARITHMETIC = re.compile(r"[=!<>]=|&&|\|\||=>")
_CODE_WORD = re.compile(r"[A-Za-z][a-z]*(?:[_\-. ][A-Za-z]+)*\Z|[A-Z]+(?:[_\-.][A-Z]+)*\Z")
# itemNotFound, UserUnauthorizedException: letters alone, and each part of them long enough for a word. A generated
# code of 20 characters has no digit and only such parts once in 10,000 times.
_CAMEL_WORDS = re.compile(
    r"(?=.{10})(?:[A-Z]?[a-z]{2,}|[A-Z]{3,}(?![a-z]))(?:(?:Id|Ip|Is|In|No|Of|On|To|By|At)(?![a-z])|[A-Z][a-z]{2,}|[A-Z]{3,}(?![a-z]))*\Z"
)
UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z")
HEX = re.compile(r"(?:[0-9a-f]+|[0-9A-F]+)\Z")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*%?\Z")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d[:\d.]*(?:Z|[+-]\d\d:?\d\d)?)?\Z")
_FILE = re.compile(r"[\w./\- ]*\.[a-z0-9]{1,5}\Z")


def is_nothing(value: str) -> bool:
    """Tell whether a value carries no secret at all: empty, null, a type name, a placeholder, stars."""
    bare = value.strip().strip("\"'`").strip()
    return not bare or bare.lower() in _NOTHING or bool(_PLACEHOLDER.fullmatch(bare))


def is_prose(value: str) -> bool:
    """Tell whether an unquoted value reads like the rest of a sentence."""
    first, _, rest = value.strip().partition(" ")
    word = first.strip(",.;:!?()\"'").lower()
    return word in _NOTHING or (word in _PROSE_STARTS and (bool(rest) or first[-1:] in ".,:;"))


def is_code(value: str) -> bool:
    """Tell whether an unquoted value is an expression of a program rather than text."""
    return bool(_CODE.match(value) or _CALL.match(value) or _ARITHMETIC.match(value))


def is_number(value: str) -> bool:
    return bool(_NUMBER.match(value))


def entropy(value: str) -> float:
    """Return Shannon's entropy in bits a character."""
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values())


def transitions(value: str) -> float:
    """Return how often neighbours differ in class (lower, upper, digit, other): words change rarely, keys often."""
    classes = [0 if c.islower() else 1 if c.isupper() else 2 if c.isdigit() else 3 for c in value]
    return sum(a != b for a, b in pairwise(classes)) / max(1, len(value) - 1)


_FRAGMENT = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|.")


def pieces_of(value: str) -> int:
    """Return of how many stretches of one kind a text is made: words, numbers, and every other character alone."""
    return len(_FRAGMENT.findall(value))


def is_jumbled(value: str) -> bool:
    """Tell a generated run from words: its stretches of one kind (words, numbers) are short."""
    fragments = pieces_of(value)
    digits = sum(c.isdigit() for c in value)
    one_case = value.lower() == value or value.upper() == value
    return len(value) < fragments * (3.2 if one_case and digits * 7 > len(value) else 2.6)


def is_random(value: str, *, at_least: int = 16) -> bool:
    """Tell whether a value looks made by a generator: long, one piece, letters and digits well mixed."""
    bare = value.strip()
    if len(bare) < at_least or " " in bare or _FILE.match(bare) or _DATE.match(bare):
        return False
    if UUID.match(bare):
        return True
    has_digit, has_letter = any(c.isdigit() for c in bare), any(c.isalpha() for c in bare)
    if not (has_digit and has_letter):
        return False
    if HEX.match(bare):
        return True
    return transitions(bare) >= 0.25


def passes(value: str, only_if: str) -> bool:
    """Tell whether a value under a doubtful name (`code`, `key`, `pass`) is a secret."""
    bare = value.strip()
    if not only_if:
        return True
    if only_if == "text":
        return not (is_number(bare) and len(bare) < 4)
    if only_if == "words":
        return not is_number(bare)
    if only_if == "code":
        return _is_grant_code(bare)
    if only_if == "key":
        return is_random(bare)
    if only_if == "random":
        return is_random(bare)
    if only_if == "number":
        return sum(c.isdigit() for c in bare) >= 12
    return False


def _is_grant_code(bare: str) -> bool:
    """An OAuth code or a one-time code; not 404, USD, E1001, invalid_grant or a sentence."""
    if len(bare) < 6 or " " in bare or _FILE.match(bare):
        return False
    if _CODE_WORD.match(bare) or _CAMEL_WORDS.match(bare):
        return False
    if is_number(bare):
        return len(bare) in (6, 7, 8)
    return not re.match(r"[A-Za-z_\-]+[_\-]?\d{1,4}\Z", bare)
