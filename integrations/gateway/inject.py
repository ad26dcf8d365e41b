"""What goes upstream: the caller's headers without ours and the connection's, then the credential."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from hashlib import sha256
from urllib.parse import unquote_plus

from integrations.gateway.problems import Problem
from integrations.injecting import BodyNotInjectable, Injected, oauth1, sigv4, with_fields
from integrations.outbound import Origin
from integrations.outbound.by_names import by_names
from integrations.outbound.call import Body, Upload
from integrations.outbound.relaying import HOP_BY_HOP, listed_in_connection, names_passed_on

Headers = list[tuple[bytes, bytes]]

# What a browser takes as said by our origin about our origin: its cookies, its certificates, where it reports, what
# it keeps, where to go next, and which pages may read it: the provider's "anybody" is not the token's (`cors.py`).
_NOT_RELAYED = frozenset(
    b"refresh clear-site-data alt-svc service-worker-allowed nel report-to reporting-endpoints expect-ct "
    b"public-key-pins public-key-pins-report-only set-cookie set-cookie2 strict-transport-security "
    b"access-control-allow-origin access-control-allow-credentials access-control-allow-methods "
    b"access-control-allow-headers access-control-expose-headers access-control-max-age timing-allow-origin "
    b"content-security-policy content-security-policy-report-only server x-content-type-options".split()
)
_WITHHELD = HOP_BY_HOP | _NOT_RELAYED
_ADDED_TO_ANSWERS = (
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    (b"x-content-type-options", b"nosniff"),
)


def upstream_headers(
    headers: Headers, *, carriers: frozenset[str], injected: Injected, static: Mapping[str, str], version: str = ""
) -> Headers:
    """Return the caller's headers as they came but for those that are not the caller's to set.

    Dropped: hop-by-hop headers, what Connection lists, everything of ours, whatever carried the
    gateway token, and every spelling (case, `_` for `-`) of a header that we inject. The provider's
    version headers (`version`, in lower case, is another) are only a default: an SDK that names a version keeps it.
    """
    names = tuple([name for name, _ in headers])
    # What a caller can write at will, in Connection or as the name of a parameter, is kept only as far as it names a
    # header that is there.
    listed = _there(listed_in_connection(headers), names)
    slots = frozenset([slot for slot in carriers if slot.startswith("header:")])
    places, added = _chosen(names, listed, slots, injected.taken, tuple(static), version)
    kept = [headers[place] for place in places]
    kept += [(written, static[spelled].encode("utf-8")) for spelled, written in added]
    return [*kept, *injected.headers]


def _there(listed: Collection[bytes], names: tuple[bytes, ...]) -> frozenset[bytes]:
    """Return those of the listed names, in lower case, that some spelling of a header has."""
    if not listed:
        return frozenset()
    lower = [name.lower() for name in names]
    return frozenset(listed).intersection((*lower, *(name.replace(b"_", b"-") for name in lower)))


@by_names
def _chosen(
    names: tuple[bytes, ...],
    listed: frozenset[bytes],
    carriers: frozenset[str],
    injected: frozenset[bytes],
    static: tuple[str, ...],
    version: str,
) -> tuple[tuple[int, ...], tuple[tuple[str, bytes], ...]]:
    """Return which of the headers of these names go on, and which of the provider's (`static`) are added to them.

    Names decide it and no value, and a caller mostly sends the same ones again.
    """
    fixed = {name.lower(): name for name in static}
    defaults = {name for name in fixed if name.endswith("-version") or name == version}
    taken = {name.encode("latin-1") for name in fixed if name not in defaults}
    taken |= injected
    taken |= {slot[7:].encode("latin-1") for slot in carriers}
    places, present = [], set()
    for place, dashed in names_passed_on(names, besides=taken | listed):
        places.append(place)
        present.add(dashed)
    added = [
        (spelled, spelled.encode("latin-1"))
        for name, spelled in fixed.items()
        if name not in defaults or name.encode("latin-1") not in present
    ]
    return tuple(places), tuple(added)


def upstream_query(query: bytes, *, carriers: frozenset[str], injected: Injected) -> bytes:
    """Return the raw query without what carried the token, and with the credential where it goes there."""
    query = without_carriers(query, carriers, {name for name, _ in injected.query})
    for _, pair in injected.query:
        query = query + b"&" + pair if query else pair
    return query


def without_carriers(query: bytes, carriers: frozenset[str], besides: Collection[str] = ()) -> bytes:
    """Return the raw query without the pairs that carried the token, and without others of these names."""
    taken = {slot[6:] for slot in carriers if slot.startswith("query:")}.union(besides)
    return b"&".join(pair for pair in query.split(b"&") if _name_of(pair) not in taken) if taken else query


def upstream_path(base_path: bytes, injected: Injected) -> bytes:
    """Return what stands before the caller's path: the base URL's path, and the credential where it goes there."""
    return base_path.rstrip(b"/") + b"/" + injected.segment if injected.segment else base_path


def shown_path(base_path: bytes, injected: Injected) -> bytes:
    """Return the same without the credential, for the log."""
    return base_path.rstrip(b"/") + b"/" + injected.shown_segment if injected.segment else base_path


def upstream_body(body: Body, headers: Headers, *, injected: Injected) -> Body:
    """Return the body with the credential in its fields; raises Problem body_refused where there is no such place."""
    if not injected.fields:
        return body
    if not isinstance(body, bytes) or not _is_plain_json(headers):
        raise Problem("body_refused")
    try:
        return with_fields(body, injected.fields)
    except BodyNotInjectable:
        pass
    raise Problem("body_refused")  # out here: nothing of the body goes along


def _is_plain_json(headers: Headers) -> bool:
    """Tell whether the body says that it is JSON as it stands, in UTF-8."""
    said = {name.lower(): value.lower() for name, value in headers}
    media, _, rest = said.get(b"content-type", b"").partition(b";")
    parameters = rest.replace(b" ", b"").replace(b'"', b"").replace(b"\t", b"")
    is_utf8 = b"charset=" not in parameters or b"charset=utf-8" in parameters
    return media.strip() == b"application/json" and is_utf8 and said.get(b"content-encoding", b"") in (b"", b"identity")


def signature(
    injected: Injected,
    method: str,
    *,
    origin: Origin,
    target: bytes,
    headers: Headers,
    sent: Headers,
    body: Body,
    now: datetime,
) -> Headers:
    """Return the headers that sign a request; none where the credential signs nothing.

    `headers` are the caller's, `sent` what goes upstream. Raises Problem body_refused for a body whose hash nobody
    can know before it is sent, where the service wants one.
    """
    if injected.signer is None:
        return []
    if isinstance(injected.signer, oauth1.Signer):
        return _oauth1(injected.signer, method, origin, target=target, sent=sent, body=body, now=now)
    payload_hash = _payload_hash(body, headers, takes_unsigned=injected.signer.takes_unsigned_bodies)
    return injected.signer.headers(
        method, host=origin.host_header, target=target, headers=sent, payload_hash=payload_hash, now=now
    )


def _oauth1(
    signer: oauth1.Signer, method: str, origin: Origin, *, target: bytes, sent: Headers, body: Body, now: datetime
) -> Headers:
    """Return the header of OAuth 1. Of a body only a form is signed, so anything else may stream."""
    if isinstance(body, Upload) and oauth1.is_form(sent):
        raise Problem("body_refused")
    whole = b"" if body is None or isinstance(body, Upload) else body
    try:
        return signer.headers(method, base=origin.base, target=target, headers=sent, body=whole, now=now)
    except oauth1.NotSignable:
        pass
    raise Problem("body_refused")  # out here: nothing of the request goes along


def _payload_hash(body: Body, headers: Headers, *, takes_unsigned: bool) -> str:
    if sigv4.is_signed_in_chunks(headers):
        raise Problem("body_refused")
    if not isinstance(body, Upload):
        return sha256(body or b"").hexdigest()
    found = sigv4.given_hash(headers) or (sigv4.UNSIGNED if takes_unsigned else "")
    if not found:
        raise Problem("body_refused")
    return found


def _name_of(pair: bytes) -> str:
    return unquote_plus(pair.partition(b"=")[0].decode("latin-1"), encoding="latin-1")


@by_names
def _relayed(names: tuple[bytes, ...]) -> tuple[int, ...]:
    """Return which headers of an answer go on to the caller, by their names in lower case."""
    return tuple(
        place for place, name in enumerate(names) if name not in _WITHHELD and not name.startswith(b"x-keylodge-")
    )


def answer_headers(headers: Headers, *, hidden: tuple[bytes, ...] = ()) -> Headers:
    """Return the upstream's headers as they came, but for those that must not come from our origin.

    `hidden` are values that stood in the address of the call: an answer that repeats it (Location) says ****.
    """
    names = tuple([name.lower() for name, _ in headers])
    kept = [(names[place], headers[place][1]) for place in _relayed(names)]
    if b"connection" in names:
        listed = listed_in_connection(headers)
        kept = [header for header in kept if header[0] not in listed]
    for known in hidden:
        kept = [(name, value.replace(known, b"****")) for name, value in kept]
    return [*kept, *_ADDED_TO_ANSWERS]
