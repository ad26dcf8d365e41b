"""An upstream on a real socket that records every byte and answers what the test says."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"
Handler = Callable[[socket.socket, bytes], None]


class FakeUpstream:
    """Listens on loopback. `answers` are used in turn, the last one for ever; each is bytes or a handler."""

    def __init__(self, *answers: bytes | Handler) -> None:
        self.answers: list[bytes | Handler] = list(answers) or [OK]
        self.requests: list[bytes] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = self._listening.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> FakeUpstream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and drop every connection."""
        for sock in [self._listening, *self._open]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for request in read_requests(sock):
                with self._lock:
                    self.requests.append(request)
                    answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if callable(answer):
                    answer(sock, request)
                else:
                    sock.sendall(answer)


def read_requests(sock: socket.socket) -> Iterator[bytes]:
    """Yield each whole request on a connection as the bytes that arrived."""
    kept = b""
    while True:
        while b"\r\n\r\n" not in kept:
            more = sock.recv(65536)
            if not more:
                return
            kept += more
        head, _, kept = kept.partition(b"\r\n\r\n")
        lower = head.lower()
        body = b""
        if b"\r\ntransfer-encoding: chunked" in lower:
            while not kept.endswith(b"0\r\n\r\n"):
                more = sock.recv(65536)
                if not more:
                    return
                kept += more
            body, kept = kept, b""
        elif b"\r\ncontent-length:" in lower:
            length = int(lower.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0])
            while len(kept) < length:
                more = sock.recv(65536)
                if not more:
                    return
                kept += more
            body, kept = kept[:length], kept[length:]
        yield head + b"\r\n\r\n" + body
