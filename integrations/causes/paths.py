"""Fold the ids in a path, so that calls to the same place count as one error."""

from __future__ import annotations

import re
from functools import lru_cache

ID = "{id}"
MAX_LENGTH = 300
KEPT = re.compile(r"v\d{1,3}(?:\.\d{1,3})*(?:[a-z]+\d*)?|(?:19|20)\d\d-(?:0[1-9]|1[0-2])", re.ASCII | re.IGNORECASE)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?", re.ASCII)
FOLDED = re.compile(
    r"[-+]?\d+(?:[-.,_]\d+)*"  # 151, 0-1, 12.5
    r"|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"  # a UUID
    r"|(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{12,}"
    r"|[a-z]{2,8}_(?:[a-z]{2,6}_)?(?=[A-Za-z0-9]*[\dA-Z])[A-Za-z0-9]{6,}"  # cus_9s6XKzkNRiz8i3, cs_test_a1b2
    r"|(?:app|rec|tbl|viw|fld|usr|wsp)[A-Za-z0-9]{14}"  # Airtable
    r"|(?=[\w-]*\d[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{12,}"  # long, with digits and capitals: a Google file, a Slack channel
    r"|.*(?:\*{4}|@|%40).*",  # masked, or an e-mail address
    re.ASCII,
)


def path_template(path: str) -> str:
    """Return the path without its query and with every id as `{id}`, dates as `{date}`, cell ranges as `{range}`.

    Version segments (v3, 2026-03) stay: another version is another place.
    """
    plain = path.partition("?")[0].partition("#")[0]
    return "/".join(_fold(segment) for segment in plain.split("/"))[:MAX_LENGTH]


@lru_cache(maxsize=8192)
def _fold(segment: str) -> str:
    name, colon, action = segment.partition(":")
    if "!" in segment or "%21" in segment:  # Sheet1!A1:D10:append
        return "{range}" + (f":{segment.rpartition(':')[2]}" if segment.rpartition(":")[2].isalpha() else "")
    if not segment or KEPT.fullmatch(segment):
        return segment
    if DATE.fullmatch(segment):
        return "{date}"
    return (ID if len(name) > 100 or FOLDED.fullmatch(name) else name) + colon + action
