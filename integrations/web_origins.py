"""The origins of web pages, as a browser sends them: scheme, host and port, in lower case, without a path."""

from __future__ import annotations

import re

_ORIGIN = re.compile(r"https://[a-z0-9.-]+(?::[0-9]{1,5})?|http://(?:localhost|127\.0\.0\.1)(?::[0-9]{1,5})?")


def is_origin(text: str) -> bool:
    """Tell whether a text is the origin of a page that may be trusted: over TLS, or on one's own machine."""
    return _ORIGIN.fullmatch(text) is not None
