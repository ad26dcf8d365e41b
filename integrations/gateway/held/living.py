"""Which worker of this machine is dead: each holds a lock on a file of its own while it lives.

The kernel lets go of the lock however the process ends, `kill -9` included. So whoever comes next need not wait for
the lease of one that was killed. Of a worker on another machine nothing is known here, and its lease is waited for.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from django.conf import settings

FOLDER = "workers"
NAME_CHARS = 16


class Life:
    """The life of one worker. `name` begins the owner of each lease that it takes."""

    def __init__(self, folder: Path | None = None) -> None:
        self.name = token_hex(NAME_CHARS // 2)
        self._folder = folder or Path(settings.KEYLODGE_HOME) / FOLDER
        self._handle: int | None = None
        with suppress(OSError):  # without a file nobody can tell that it died: then its leases run out
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._handle = os.open(self._folder / self.name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX)

    def end(self) -> None:
        """Say that this worker takes nothing any more."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def dead(self) -> list[str]:
        """Return the names of those who have ended and are not buried yet."""
        try:
            names = [path.name for path in self._folder.iterdir() if path.name != self.name]
        except OSError:
            return []
        return [name for name in names if _is_free(self._folder / name)]

    def bury(self, names: Collection[str]) -> None:
        """Forget the dead whose leases are free."""
        for name in names:
            (self._folder / name).unlink(missing_ok=True)


def _is_free(path: Path) -> bool:
    """Tell whether nobody holds the lock of a file that is there."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(handle)
