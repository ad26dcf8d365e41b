"""Names of several words in quotes before a value: `"clé api": "x"`, `"Stripe API key (live)": "x"`.

A name is found by its tell-tale word; where that word is not the last, only the quotes tell where the name ends.
"""

import re
from collections.abc import Iterator

from secrets_vault.masking.names import classify
from secrets_vault.masking.page import Page
from secrets_vault.masking.pairs import value_after
from secrets_vault.masking.spans import Span

_LONGEST = 80
_QUOTED = re.compile(
    r"(?P<open>\\*[\"'`])(?P<name>[^\"'`\\\n]{3,80})(?P<close>(?P=open))"
    r"(?P<sep>\s*(?:=>|:=|=(?!=)|:(?![:/])))(?P<gap>[ \t]*)"
)


def find_quoted_names(page: Page) -> Iterator[Span]:
    """Yield the values behind quoted names that hold a space."""
    text, read_to = page.text, 0
    for start, end, _, _ in page.names:
        opened = max(text.rfind(quote, max(read_to, start - _LONGEST), start) for quote in "\"'`")
        if opened < 0:
            continue
        while opened > 0 and text[opened - 1] == "\\":
            opened -= 1
        found = _QUOTED.match(text, opened)
        if found is None or " " not in found["name"] or found.end("name") < end:
            continue
        read_to = found.end()
        known = classify(found["name"])
        if known:
            yield from value_after(text, found, known)
