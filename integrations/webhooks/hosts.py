"""Whether an address that came with a request is the vendor's own."""

from __future__ import annotations

import re
from urllib.parse import urlsplit


def is_on_host(address: str, pattern: str, *, path: str = "") -> bool:
    """Return whether it is a plain https address of a host that the pattern matches whole.

    With `path`, a pattern too, it also has no query: what the sender may choose in it is as little as there is.

    No user name, no port, no character that two readers of URLs might read differently.
    """
    if not address.isascii() or not address.isprintable() or re.search(r"[\s\\@#]", address):
        return False
    try:
        parts = urlsplit(address)
        has_port = parts.port is not None
    except ValueError:
        return False
    if path and ("?" in address or not re.fullmatch(path, parts.path)):
        return False
    return parts.scheme == "https" and not has_port and re.fullmatch(pattern, parts.hostname or "") is not None
