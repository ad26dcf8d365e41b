"""A TCP proxy that misbehaves on purpose, for tests of what happens when the network does."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from typing import Literal

Mode = Literal["ok", "refuse", "blackhole", "reset", "slow", "cut"]
Writers = set[asyncio.StreamWriter]


class FaultProxy:
    """Stands between a client and 127.0.0.1:`port`, or the Unix socket of that path.

    `mode` may change while connections are open.
    refuse: reset every new connection. blackhole: swallow every byte, answer nothing.
    reset: reset at the next byte. slow: one byte each 20 ms. cut: pass `cut_after`
    bytes, then reset.
    """

    def __init__(self, port: int | str, *, mode: Mode = "ok", cut_after: int = 100) -> None:
        self.upstream_port, self.mode, self.cut_after = port, mode, cut_after
        self.accepted = 0
        self._writers: Writers = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        assert self._ready.wait(5), "the proxy did not start"
        return self

    def __exit__(self, *_problem: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def reset_all(self) -> None:
        """Reset every open connection now."""
        for writer in list(self._writers):
            self._loop.call_soon_threadsafe(reset, writer)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._client, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self.mode == "refuse":
            reset(writer)
            return
        try:
            upstream_reader, upstream = await self._connected()
        except OSError:
            reset(writer)
            return
        pair = {writer, upstream}
        self._writers |= pair
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(self._pipe(reader, upstream, pair), self._pipe(upstream_reader, writer, pair))
        self._writers -= pair

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.upstream_port, str):
            return await asyncio.open_unix_connection(self.upstream_port)
        return await asyncio.open_connection("127.0.0.1", self.upstream_port)

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pair: Writers) -> None:
        passed = 0
        while data := await reader.read(65536):
            while self.mode == "blackhole":  # noqa: ASYNC110  # another thread changes the mode
                await asyncio.sleep(0.02)
            if self.mode == "cut":
                data = data[: max(0, self.cut_after - passed)]
            if self.mode == "reset" or not data:
                for one in pair:
                    reset(one)
                return
            await self._send(data, writer)
            passed += len(data)
        writer.close()

    async def _send(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        for piece in [data[at : at + 1] for at in range(len(data))] if self.mode == "slow" else [data]:
            writer.write(piece)
            await writer.drain()
            if self.mode == "slow":
                await asyncio.sleep(0.02)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with a reset, as a crashed host does."""
    connection = writer.get_extra_info("socket")
    if connection is not None and writer.transport is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
