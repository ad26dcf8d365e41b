"""The masker for the parts of an HTTP call: body, head, URL, path."""

from collections.abc import Iterable

from secrets_vault.masking import headers
from secrets_vault.masking.alike import is_in_doubt, outline
from secrets_vault.masking.known import KnownValues
from secrets_vault.masking.masker import WITHHELD, MaskedText, Masker
from secrets_vault.masking.names import classify
from secrets_vault.masking.spans import Span, render
from secrets_vault.masking.urls import may_hold_capabilities

Known = Iterable[str] | KnownValues | Masker


def _masker(known: Known) -> Masker:
    return known if isinstance(known, Masker) else Masker(known)


def mask_text(
    text: str | bytes, *, media: str | None = None, known: Known = (), encoding: str | None = None
) -> MaskedText:
    """Return a text masked. Bytes are a body: decoded (`encoding` is its Content-Encoding), masked, cut to 64 KB."""
    masker = _masker(known)
    if isinstance(text, bytes):
        return masker.mask_body(text, media=media, encoding=encoding)
    return masker.mask(text, media=media)


def mask_head(head: Iterable[tuple[bytes, bytes]], known: Known = ()) -> MaskedText:
    """Return headers as `Name: value` lines, masked by their names, their schemes and the known values."""
    masker = _masker(known)
    try:
        return MaskedText("\n".join(_header(name, value, masker) for name, value in head))
    except Exception:  # noqa: BLE001 - masking fails closed
        return MaskedText(WITHHELD)


def _header(raw_name: bytes, raw_value: bytes, masker: Masker) -> str:
    name = raw_name.decode("latin-1")
    value = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in raw_value.decode("latin-1"))
    if not value:
        return f"{masker.mask(name)}:"
    line, kind = f"{name}: {value}", outline(value)
    if kind is not None and is_in_doubt(kind):
        kind = None
    like = line if kind is None else f"{name}: {kind}"
    is_plain = masker.is_plain_line(like, lambda: not _line_spans(name, like, masker))
    if is_plain and (kind is None or not masker.known.is_in(line)):
        return line
    return render(line, _line_spans(name, line, masker), masker.log_key)


def _line_spans(name: str, line: str, masker: Masker) -> list[Span]:
    return [*masker.spans(line), *_by_name(name, line, len(name) + 2)]


def _by_name(name: str, line: str, start: int) -> Iterable[Span]:
    role, known = headers.role_of(name), classify(name)
    if role == "auth":
        return headers.auth_value(line, start, len(line))
    if role == "cookie":
        return headers.cookie_value(line, start, len(line))
    if known and not known.only_if:
        return (Span(start, len(line), known.kind),)
    return ()


def mask_url(url: str, known: Known = ()) -> MaskedText:
    """Return a whole URL masked: userinfo, query, fragment, capability paths."""
    return _masker(known).mask(url)


def mask_path(path: str, known: Known = (), *, host: str = "") -> MaskedText:
    """Return a path with its query, masked; at some hosts a path is itself the secret."""
    masker = _masker(known)
    return masker.mask_at(host, path) if host and may_hold_capabilities(host) else masker.mask_alike(path)


def mask_id(text: str, known: Known = ()) -> MaskedText:
    """Return the id that a vendor gave to a call, masked: a secret may be repeated there."""
    return _masker(known).mask_alike(text)
