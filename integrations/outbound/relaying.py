"""Which headers of a request that passes through us go on: those that are the sender's to set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Header = tuple[bytes, bytes]

# RFC 9110 section 7.6.1; and what only concerns the way from the sender to us.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer "
    b"transfer-encoding upgrade expect http2-settings".split()
)
_FOR_US_ALONE = frozenset(
    b"host content-length authorization cookie forwarded via x-real-ip true-client-ip cf-connecting-ip".split()
)
_DROPPED = HOP_BY_HOP | _FOR_US_ALONE
_OUR_PREFIXES = (b"x-keylodge-", b"x-forwarded-")


def passed_on(headers: Iterable[Header], *, besides: Iterable[bytes] = ()) -> Iterator[tuple[bytes, Header]]:
    """Yield each header that goes on as it came, after its name in lower case with - for _.

    Dropped, in every spelling (case, `_` for `-`): hop-by-hop headers, what Connection lists, what was meant for us,
    everything of ours, and `besides`, in lower case.
    """
    headers = list(headers)
    names = [name for name, _ in headers]
    for place, dashed in names_passed_on(names, besides=listed_in_connection(headers).union(besides)):
        yield dashed, headers[place]


def names_passed_on(names: Iterable[bytes], *, besides: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the place of each name of a header that goes on, and the name in lower case with - for _.

    What Connection lists stands in `besides` with the rest.
    """
    dropped = _DROPPED.union(besides)
    for place, name in enumerate(names):
        lower = name.lower()
        dashed = lower.replace(b"_", b"-")
        if lower not in dropped and dashed not in dropped and not dashed.startswith(_OUR_PREFIXES):
            yield place, dashed


def listed_in_connection(headers: Iterable[Header]) -> set[bytes]:
    """Return the names that the Connection header lists: they end with this connection."""
    found = [value for name, value in headers if len(name) == 10 and name.lower() == b"connection"]
    return {word.strip().lower() for value in found for word in value.split(b",")}
