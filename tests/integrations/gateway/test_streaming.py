"""Bodies of any size pass as they come, at constant memory: over real sockets and a server of our own.

What is sent is checked by its digest; memory is the web process's own high-water mark. The sizes here are small enough
for every run, those marked `soak` are a gigabyte.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integrations.gateway.test_processes import SETUP, shell
from tests.live import LiveKeylodge

pytestmark = [pytest.mark.processes, pytest.mark.matrix]

MB = 1024 * 1024
BLOCK = bytes(range(256)) * 4096
SIZES = [64, pytest.param(1024, marks=pytest.mark.soak)]
MOST_GROWTH_MB = 48
SOCKETS_MB = 16  # what the kernel and both servers hold of a stream that nobody reads


class Upstream:
    """Listens on loopback. `serve` gets each connection with the head of its request and what came after it."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.host = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.url = f"http://{self.host}"
        self.serve = ok
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listening.accept()
                threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            head, rest = read_head(sock)
            if head:
                self.serve(sock, head, rest)

    def close(self) -> None:
        self._listening.close()


def ok(sock, head, rest):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


def read_head(sock) -> tuple[bytes, bytes]:
    kept = b""
    while b"\r\n\r\n" not in kept:
        more = sock.recv(65536)
        if not more:
            return b"", b""
        kept += more
    head, _, rest = kept.partition(b"\r\n\r\n")
    return head, rest


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    yield made
    made.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory, upstream):
    running = LiveKeylodge(tmp_path_factory.mktemp("home"), KEYLODGE_ALLOWED_PRIVATE_HOSTS=upstream.host)
    yield running.wait_until_started()
    running.stop()


@pytest.fixture(scope="module")
def text(live, upstream):
    return shell(live, SETUP, json.dumps([upstream.url, "sk-real"]))


@pytest.fixture
def caller(live, text):
    """Return what opens a connection and writes a request's head."""
    opened = []

    def call(method: str = "GET", *headers: str) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", live.port), timeout=60)
        opened.append(sock)
        lines = [
            f"{method} /gateway/acme-fake/x HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {text}",
            *headers,
        ]
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        return sock

    yield call
    for sock in opened:
        sock.close()


def high_water_mb(live) -> float:
    """Return the most memory that the web process has had."""
    webs = [pid for pid in live.children() if b"web" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]
    return max(int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024 for pid in webs)


def blocks(size_mb: int) -> Iterator[bytes]:
    for _ in range(size_mb):
        yield BLOCK


def digest(parts) -> str:
    found = hashlib.blake2b()
    for part in parts:
        found.update(part)
    return found.hexdigest()


def received(sock, first: bytes, length: int) -> Iterator[bytes]:
    yield first
    left = length - len(first)
    while left > 0:
        part = sock.recv(min(left, MB))
        if not part:
            raise AssertionError(f"{left} bytes are missing")
        left -= len(part)
        yield part


@pytest.mark.parametrize("size_mb", SIZES)
def test_a_large_download_passes_at_constant_memory(live, upstream, caller, size_mb):
    def serve(sock, head, rest):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (size_mb * MB))
        for block in blocks(size_mb):
            sock.sendall(block)

    upstream.serve = serve
    before = high_water_mb(live)
    sock = caller()
    head, rest = read_head(sock)
    assert head.startswith(b"HTTP/1.1 200")
    assert digest(received(sock, rest, size_mb * MB)) == digest(blocks(size_mb))
    assert high_water_mb(live) - before < MOST_GROWTH_MB


@pytest.mark.parametrize("size_mb", SIZES)
def test_a_large_upload_passes_at_constant_memory(live, upstream, caller, size_mb):
    found = []

    def serve(sock, head, rest):
        found.append(digest(received(sock, rest, size_mb * MB)))
        ok(sock, head, rest)

    upstream.serve = serve
    before = high_water_mb(live)
    sock = caller("PUT", f"Content-Length: {size_mb * MB}")
    for block in blocks(size_mb):
        sock.sendall(block)
    assert read_head(sock)[0].startswith(b"HTTP/1.1 200")
    assert found == [digest(blocks(size_mb))]
    assert high_water_mb(live) - before < MOST_GROWTH_MB


def test_a_caller_that_does_not_read_stops_the_provider(upstream, caller):
    sent = [0]

    def serve(sock, head, rest):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (256 * MB))
        for block in blocks(256):
            sock.sendall(block)
            sent[0] += len(block)

    upstream.serve = serve
    sock = caller()
    read_head(sock)
    still(lambda: sent[0])
    assert 0 < sent[0] < SOCKETS_MB * MB


def test_a_provider_that_does_not_read_stops_the_caller(upstream, caller):
    over = threading.Event()
    upstream.serve = lambda sock, head, rest: over.wait(30)
    sock, sent = caller("PUT", f"Content-Length: {256 * MB}"), [0]

    def send():
        with contextlib.suppress(OSError):
            for block in blocks(256):
                sock.sendall(block)
                sent[0] += len(block)

    threading.Thread(target=send, daemon=True).start()
    still(lambda: sent[0])
    over.set()
    assert 0 < sent[0] < SOCKETS_MB * MB


def still(count) -> None:
    """Wait until a count has not changed for half a second."""
    last, since = -1, time.monotonic()
    give_up_at = since + 20
    while time.monotonic() < give_up_at and (time.monotonic() - since < 0.5 or last <= 0):
        if count() != last:
            last, since = count(), time.monotonic()
        time.sleep(0.05)


def test_a_caller_that_leaves_in_the_middle_is_heard_upstream_within_a_second(upstream, caller):
    left_at, heard_at = [], []

    def serve(sock, head, rest):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n")
        with contextlib.suppress(OSError):
            while sock.recv(1):
                pass
        heard_at.append(time.monotonic())

    upstream.serve = serve
    sock = caller()
    read_head(sock)
    left_at.append(time.monotonic())
    sock.shutdown(socket.SHUT_RDWR)
    sock.close()
    give_up_at = time.monotonic() + 10
    while not heard_at and time.monotonic() < give_up_at:
        time.sleep(0.02)
    assert heard_at
    assert heard_at[0] - left_at[0] < 1.5  # a busy machine wakes late


def test_an_upload_that_asks_first_is_told_to_go_on(upstream, caller):
    found = []

    def serve(sock, head, rest):
        found.append((head, digest(received(sock, rest, 5))))
        ok(sock, head, rest)

    upstream.serve = serve
    sock = caller("POST", "Content-Length: 5", "Expect: 100-continue")
    assert sock.recv(MB).startswith(b"HTTP/1.1 100 ")
    sock.sendall(b"hello")
    assert read_head(sock)[0].startswith(b"HTTP/1.1 200")
    assert found[0][1] == digest([b"hello"])


def rest_of(sock, rest: bytes, end: bytes) -> bytes:
    """Return what comes until the end that is expected; the connection must not close before."""
    while not rest.endswith(end):
        part = sock.recv(MB)
        assert part, rest
        rest += part
    return rest


def test_trailers_of_an_answer_end_with_its_body(upstream, caller):
    def serve(sock, head, rest):
        body = b"3\r\nabc\r\n0\r\nX-Checksum: 1\r\n\r\n"
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n\r\n" + body)

    upstream.serve = serve
    sock = caller("GET", "Connection: close")
    whole = b""
    while part := sock.recv(MB):
        whole += part
    assert whole.startswith(b"HTTP/1.1 200")
    assert b"abc" in whole
    assert b"x-checksum" not in whole.lower()


def test_trailers_of_a_request_end_with_its_body(upstream, caller):
    def serve(sock, head, rest):
        found.append((head, rest_of(sock, rest, b"hello")))
        ok(sock, head, rest)

    found: list[tuple[bytes, bytes]] = []
    upstream.serve = serve
    sock = caller("POST", "Transfer-Encoding: chunked", "Trailer: X-Mine")
    sock.sendall(b"5\r\nhello\r\n0\r\nX-Mine: 2\r\n\r\n")
    assert read_head(sock)[0].startswith(b"HTTP/1.1 200")
    assert found[0][1] == b"hello"  # small enough to be kept, so it went on with its length
    assert b"x-mine" not in found[0][0].lower()


def test_the_answer_to_head_has_its_length_and_no_body(upstream, caller):
    def serve(sock, head, rest):
        assert head.startswith(b"HEAD /x ")
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")

    upstream.serve = serve
    sock = caller("HEAD", "Connection: close")
    whole = b""
    while part := sock.recv(MB):
        whole += part
    head, _, body = whole.partition(b"\r\n\r\n")
    assert b"content-length: 1000" in head.lower()
    assert body == b""


def test_a_refusal_of_ours_to_head_has_no_body_either(live):
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as sock:
        sock.sendall(b"HEAD /gateway/acme-fake/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        whole = b""
        while part := sock.recv(MB):
            whole += part
    assert whole.startswith(b"HTTP/1.1 401")
    assert whole.endswith(b"\r\n\r\n")


def test_a_multipart_upload_arrives_byte_for_byte(upstream, caller):
    found = []
    body = (
        b'--x-\xc3\xa4\r\nContent-Disposition: form-data; name="a"; filename="\xff.bin"\r\n\r\n'
        + bytes(range(256)) * 3
        + b"\r\n--x-\xc3\xa4--\r\n trailing \r\n"
    )

    def serve(sock, head, rest):
        found.append((head, b"".join(received(sock, rest, len(body)))))
        ok(sock, head, rest)

    upstream.serve = serve
    media = 'multipart/form-data; boundary="x-1"'
    sock = caller("POST", f"Content-Length: {len(body)}", f"Content-Type: {media}")
    sock.sendall(body)
    assert read_head(sock)[0].startswith(b"HTTP/1.1 200")
    assert found[0][1] == body
    assert f"content-type: {media}".encode() in found[0][0].lower()


def test_events_of_a_model_come_one_by_one(upstream, caller):
    go_on, times = threading.Event(), []

    def serve(sock, head, rest):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for word in (b"Hel", b"lo"):
            event = b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % word
            sock.sendall(b"%x\r\n%b\r\n" % (len(event), event))
            go_on.wait(20)
        sock.sendall(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")

    upstream.serve = serve
    sock = caller()
    _, rest = read_head(sock)
    while b"Hel" not in rest:
        rest += sock.recv(MB) or pytest.fail("it ended early")
    times.append(b"lo" in rest)
    go_on.set()
    while b"[DONE]" not in rest:
        rest += sock.recv(MB) or pytest.fail("it ended early")
    assert times == [False]
