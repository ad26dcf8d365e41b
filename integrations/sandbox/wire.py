"""HTTP for the sandbox: what arrived, what goes back, over a threaded server of the standard library."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlsplit

MAX_BODY_BYTES = 8 * 1024 * 1024


@dataclass
class Request:
    """One request as received: the raw target, the headers in order, the whole body."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def path(self) -> str:
        """Return the target's path, still encoded."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        """Return the query's parameters with all their values."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def form(self) -> dict[str, str]:
        """Return the fields of a form body; the last one of a name wins."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def header(self, name: str) -> str:
        """Return a header's value, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def json(self) -> dict[str, object]:
        """Return the JSON object of the body. Raises ValueError when it is not one."""
        value = json.loads(self.body or b"{}")
        if not isinstance(value, dict):
            raise ValueError("The body must be a JSON object.")
        return value


@dataclass
class Response:
    """One answer. `chunks` streams instead of `body`; `is_cut_off` breaks the connection half way."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    chunks: Iterator[bytes] | None = None
    is_cut_off: bool = False

    @property
    def location(self) -> str:
        """Return where a redirect leads, or an empty string."""
        return next((value for name, value in self.headers if name.lower() == "location"), "")

    @location.setter
    def location(self, url: str) -> None:
        self.headers = [(n, v) for n, v in self.headers if n.lower() != "location"] + [("Location", url)]


def json_answer(value: object, status: int = 200, headers: list[tuple[str, str]] | None = None) -> Response:
    """Return a JSON answer."""
    kind = [("Content-Type", "application/json;charset=utf-8")]
    return Response(status, json.dumps(value).encode(), kind + (headers or []))


def page_answer(html: str, status: int = 200, *, form_targets: str = "'self'") -> Response:
    """Return a page that runs no script and is kept nowhere."""
    policy = (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action {form_targets}"
    )
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
    ]
    return Response(status, html.encode(), headers)


class Handler(BaseHTTPRequestHandler):
    """Reads one request, asks `server.app`, and writes its answer in as few pieces as it has."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    server: Server

    def handle_request(self) -> None:
        """Answer one request; a body that cannot be read ends the connection."""
        try:
            body = self._read_body()
        except (ValueError, OSError):
            self.close_connection = True
            return
        headers = [(name, value) for name, value in self.headers.items()]
        target = self.requestline.split(" ")[1]
        self._write(self.server.app(Request(self.command, target, headers, body)))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_request

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        size = int(self.headers.get("Content-Length") or 0)
        if not 0 <= size <= MAX_BODY_BYTES:
            raise ValueError("The body is too large.")
        body = self.rfile.read(size)
        if len(body) != size:
            raise ValueError("The body was cut short.")
        return body

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while size := int(self.rfile.readline(64).split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline(8)
            if len(body) > MAX_BODY_BYTES:
                raise ValueError("The body is too large.")
        while self.rfile.readline(8192).strip():
            pass
        return bytes(body)

    def _write(self, response: Response) -> None:
        has_body = self.command != "HEAD" and response.status not in (204, 304)
        headers = list(response.headers)
        if response.chunks is None:
            headers.append(("Content-Length", str(len(response.body))))
        else:
            headers.append(("Transfer-Encoding", "chunked"))
        lines = [f"HTTP/1.1 {response.status} {responses.get(response.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in [("Date", self.date_time_string()), *headers]]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        if response.is_cut_off:
            self._cut_off(head + response.body[: len(response.body) // 2])
        elif response.chunks is None:
            self.wfile.write(head + (response.body if has_body else b""))
        else:
            self._stream(head, response.chunks)

    def _stream(self, head: bytes, chunks: Iterator[bytes]) -> None:
        self.wfile.write(head)
        for chunk in chunks:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    def _cut_off(self, half: bytes) -> None:
        """Send half an answer, then a reset instead of an end: linger 0 makes close() send RST."""
        self.wfile.write(half)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what arrived is listed under the control URL."""


class Server(ThreadingHTTPServer):
    """One thread a connection, on loopback only."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.app: Callable[[Request], Response] = lambda request: Response(503)

    def shutdown_request(self, request: object) -> None:
        """Close a connection, reset ones too."""
        try:
            super().shutdown_request(request)  # type: ignore[arg-type]
        except OSError:
            return

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about a caller that went away."""
