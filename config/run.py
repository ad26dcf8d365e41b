"""The supervisor behind `make run`: web, worker and beat under one process.

Each child leads a process group of its own, so that a Ctrl-C in the terminal
reaches the supervisor only, and each child gets exactly one SIGTERM from it.
The supervisor holds the other end of every child's stdin: should it be killed
outright, the children read the end of that pipe and leave by themselves.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
STOP_WITHIN_S = 25.0
LOOK_EVERY_S = 0.1
STEADY_AFTER_S = 10.0
LONGEST_WAIT_S = 5.0


def restart_delay_s(crashes: int) -> float:
    """Return how long to wait before starting a child again that has crashed `crashes` times in a row."""
    return float(min(LONGEST_WAIT_S, 0.1 * 2 ** min(crashes, 10)))


@dataclass
class Child:
    """One process of the group, and when it may be started again."""

    name: str
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    crashes: int = 0

    def start(self, *, now: float) -> None:
        """Start the process in a group of its own, on the leash of its stdin."""
        command = [sys.executable, "-m", "config.child", self.name]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, process_group=0)  # noqa: S603
        self.started_at = now

    def ended(self, *, now: float) -> int | None:
        """Return the exit status of a process that has just ended, and plan its next start."""
        if self.process is None or (status := self.process.poll()) is None:
            return None
        self.crashes = 0 if now - self.started_at > STEADY_AFTER_S else self.crashes + 1
        self.start_again_at = now + restart_delay_s(self.crashes)
        self.process = None
        return status


@dataclass
class Supervisor:
    """Keeps the children running until it is told to stop."""

    children: list[Child]
    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, *, when_started: Callable[[], None]) -> None:
        """Start every child, call `when_started` once, and return when all have ended."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        try:
            self._start_due()
            when_started()
            while not self.stopping.wait(LOOK_EVERY_S):
                self._restart_ended()
        finally:
            self._end_all()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping.set()

    def _start_due(self) -> None:
        now = self.clock()
        for child in self.children:
            if child.process is None and child.start_again_at <= now:
                child.start(now=now)

    def _restart_ended(self) -> None:
        for child in self.children:
            if (status := child.ended(now=self.clock())) is not None:
                self.say(f"The {child.name} process ended with status {status}; it is started again.")
        self._start_due()

    def _end_all(self) -> None:
        """Ask every child once to finish its work; after 25 s, end it."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            process.terminate()
        give_up_at = self.clock() + STOP_WITHIN_S
        for process in running:
            try:
                process.wait(timeout=max(0.1, give_up_at - self.clock()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def is_address_here(bind: str) -> bool:
    """Tell whether this machine has the address, whatever listens on it."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((bind, 0))
    except OSError:
        return False
    return True


def port_is_free(bind: str, port: int) -> bool:
    """Tell whether we may listen there. The web server shares its port among processes, so it would not notice."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def wait_until_open(bind: str, port: int, *, until: Callable[[], bool]) -> bool:
    """Wait for the web server to accept a connection; False when `until` says to give up first."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104  # compared, not bound
    while not until():
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def follow_the_supervisor() -> None:
    """End this process when the supervisor's end of our stdin closes, whatever killed it."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="leash", daemon=True).start()
