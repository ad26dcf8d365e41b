"""Stands in for the library `requests` within a plugin: it writes the request, `integrations.outbound` sends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from integrations import outbound

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

MOST_REQUESTS = 12  # a sign-in, a search for a room, the message; more is a plugin that goes round in circles
MOST_BYTES = 256 * 1024
OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
"""Headers that our own sender writes."""
UNHEARD = ("timeout", "verify", "allow_redirects", "stream", "proxies", "cert")


@dataclass(slots=True)
class Line:
    """The way out of one message, and what came of its last request: a status, or the code of an error."""

    send: Callable[..., outbound.Answer]
    ends_s: float
    requests: int = 0
    status: int | None = None
    error: str = ""
    retry_after: str | None = None


_line: ContextVar[Line | None] = ContextVar("apprise_line", default=None)


@contextmanager
def way_out(send: Callable[..., outbound.Answer], *, deadline_s: float) -> Iterator[Line]:
    """Open the way out for the plugin that is called within, for so many seconds in all."""
    line = Line(send, time.monotonic() + deadline_s)
    token = _line.set(line)
    try:
        yield line
    finally:
        _line.reset(token)


class StandIn:
    """What a plugin sees as `requests`: its names and exceptions, and requests that take our way out."""

    def __getattr__(self, name: str) -> Any:
        import requests  # comes with Apprise, which is optional

        if name not in ("RequestException", "TooManyRedirects", "auth", "codes", "exceptions"):
            raise AttributeError(name)
        return getattr(requests, name)

    def get(self, url: str, **about: Any) -> Response:
        """Send a GET."""
        return self.request("GET", url, **about)

    def post(self, url: str, data: Any = None, **about: Any) -> Response:
        """Send a POST."""
        return self.request("POST", url, data=data, **about)

    def put(self, url: str, data: Any = None, **about: Any) -> Response:
        """Send a PUT."""
        return self.request("PUT", url, data=data, **about)

    def delete(self, url: str, **about: Any) -> Response:
        """Send a DELETE."""
        return self.request("DELETE", url, **about)

    def request(self, method: str, url: str, **about: Any) -> Response:
        """Send one request. What the caller wants of timeouts, certificates and redirects is not heard."""
        import requests

        line = _line.get()
        if line is None:
            raise requests.ConnectionError("no message is being sent")
        wanted = {name: value for name, value in about.items() if name not in UNHEARD}
        prepared = requests.Request(method.upper(), url, **wanted).prepare()
        try:
            return _read(prepared, _sent(line, prepared))
        except outbound.OutboundError as failed:
            line.status, line.error = None, failed.code
            raise requests.ConnectionError(failed.code) from None


def _sent(line: Line, prepared: PreparedRequest) -> outbound.Answer:
    left_s = line.ends_s - time.monotonic()
    line.requests += 1
    if left_s <= 0 or line.requests > MOST_REQUESTS:
        raise outbound.UpstreamTimeout("the message took too long")
    headers = [(name, value) for name, value in prepared.headers.items() if name.lower() not in OURS]
    raw = [(_bytes(name), _bytes(value)) for name, value in headers]
    if not any(name.lower() == b"user-agent" for name, _value in raw):
        raw.append((b"User-Agent", b"Keylodge"))
    answer = line.send(
        str(prepared.method),
        (prepared.url or "").partition("#")[0],
        headers=raw,
        body=None if prepared.body is None else _bytes(prepared.body),
        deadline_s=left_s,
        max_bytes=MOST_BYTES,
    )
    line.status, line.error, line.retry_after = answer.status, "", answer.header("retry-after")
    return answer


def _bytes(text: Any) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)


def _read(prepared: PreparedRequest, answer: outbound.Answer) -> Response:
    import requests

    response = requests.Response()
    response.status_code, response.url, response.request = answer.status, prepared.url or "", prepared
    for name, value in answer.headers:
        response.headers[name.decode("latin-1")] = value.decode("latin-1")
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    response._content = answer.body
    response._content_consumed = True
    return response
