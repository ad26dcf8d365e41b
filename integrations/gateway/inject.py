"""What goes upstream: the caller's headers without ours and the connection's, then the credential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_plus

from integrations.outbound.relaying import HOP_BY_HOP, listed_in_connection, passed_on

Headers = list[tuple[bytes, bytes]]

# What a browser takes as said by our origin about our origin: its cookies, its certificates, where it reports, what
# it keeps, and where to go next.
_NOT_RELAYED = frozenset(
    b"refresh clear-site-data alt-svc service-worker-allowed nel report-to reporting-endpoints expect-ct "
    b"public-key-pins public-key-pins-report-only set-cookie set-cookie2 strict-transport-security "
    b"content-security-policy content-security-policy-report-only server x-content-type-options".split()
)
_WITHHELD = HOP_BY_HOP | _NOT_RELAYED
_ADDED_TO_ANSWERS = (
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    (b"x-content-type-options", b"nosniff"),
)


@dataclass(frozen=True, slots=True)
class Injected:
    """A credential ready to be sent: a header, or a query parameter. Its value is never in its repr."""

    in_: str
    name: str
    value: str = field(repr=False)


def upstream_headers(
    headers: Headers, *, carriers: frozenset[str], injected: Injected, static: Mapping[str, str]
) -> Headers:
    """Return the caller's headers as they came but for those that are not the caller's to set.

    Dropped: hop-by-hop headers, what Connection lists, everything of ours, whatever carried the
    gateway token, and every spelling (case, `_` for `-`) of a header that we inject. The provider's
    version headers are only a default: an SDK that names a version keeps it.
    """
    fixed = {name.lower(): (name, value) for name, value in static.items()}
    defaults = {name for name in fixed if name.endswith("-version")}
    taken = {name.encode("latin-1") for name in fixed if name not in defaults}
    if injected.in_ == "header":
        taken.add(injected.name.lower().encode("latin-1"))
    taken |= {slot[7:].encode("latin-1") for slot in carriers if slot.startswith("header:")}
    kept, present = [], set()
    for dashed, header in passed_on(headers, besides=taken):
        kept.append(header)
        present.add(dashed)
    for name, (spelled, value) in fixed.items():
        if name not in defaults or name.encode("latin-1") not in present:
            kept.append((spelled.encode("latin-1"), value.encode("utf-8")))
    if injected.in_ == "header":
        kept.append((injected.name.encode("latin-1"), injected.value.encode("utf-8")))
    return kept


def upstream_query(query: bytes, *, carriers: frozenset[str], injected: Injected) -> bytes:
    """Return the raw query without what carried the token, and with the credential where it goes there."""
    taken = {slot[6:] for slot in carriers if slot.startswith("query:")}
    if injected.in_ == "query":
        taken.add(injected.name)
    if taken:
        query = b"&".join(pair for pair in query.split(b"&") if _name_of(pair) not in taken)
    if injected.in_ != "query":
        return query
    own = f"{injected.name}={quote(injected.value, safe='')}".encode("ascii")
    return query + b"&" + own if query else own


def _name_of(pair: bytes) -> str:
    return unquote_plus(pair.partition(b"=")[0].decode("latin-1"), encoding="latin-1")


def answer_headers(headers: Headers) -> Headers:
    """Return the upstream's headers as they came, but for those that must not come from our origin."""
    dropped = _WITHHELD | listed_in_connection(headers)
    kept = []
    for name, value in headers:
        lower = name.lower()
        if lower not in dropped and not lower.startswith(b"x-keylodge-"):
            kept.append((lower, value))
    return [*kept, *_ADDED_TO_ANSWERS]
