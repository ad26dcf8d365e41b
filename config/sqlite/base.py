"""The backend itself: Django finds it by `ENGINE`."""

from __future__ import annotations

import os
from typing import Any

from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, but a kept connection ends when another file has come in the place of the one it opened.

    SQLite goes on reading and writing a file that was moved away: a database put back by hand would stay
    unseen, and what is written meanwhile would be lost, until the next start.
    """

    opened: tuple[int, int] | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection, and remember which file it opened."""
        connection = super().get_new_connection(conn_params)
        self.opened = self._file()
        return connection

    def is_usable(self) -> bool:
        """Tell whether the file is still the one that was opened. Asked once for each request (CONN_HEALTH_CHECKS)."""
        return self.opened == self._file()

    def _file(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.settings_dict["NAME"])
        except OSError:  # gone, or a test's database, which lives in memory
            return None
        return found.st_dev, found.st_ino
