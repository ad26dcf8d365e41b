"""Moves the wall clock of the processes under test while they run; the monotonic clock stays.

`clock.c` is preloaded. libfaketime does the same and more, but its clock_nanosleep (0.9.10, in Debian 13) takes
the wall clock from Python's absolute, monotonic sleeps: since Python 3.11 every `time.sleep` under it fails.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("clock.c")


class WallClock:
    """A clock for other processes: start them with `variables` in their environment, then `jump`."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None or sys.platform != "linux":
            pytest.skip("moving the clock of a process needs Linux and a C compiler (apt install gcc libc6-dev)")
        library, self._file = folder / "clock.so", folder / "moved_s"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE)], check=True)
        self._file.write_bytes(bytes(8))
        self.variables = {"LD_PRELOAD": str(library), "KEYLODGE_TEST_CLOCK": str(self._file)}
        self.ahead = timedelta(0)

    def set_ahead(self, by: timedelta) -> None:
        """Set the clock so far ahead of the true one; below 0 is behind it."""
        self.ahead = by
        with self._file.open("r+b") as opened:
            opened.write(struct.pack("<q", round(by.total_seconds())))

    def now(self) -> datetime:
        """Return the time as the processes under test see it."""
        return datetime.now(UTC) + self.ahead
