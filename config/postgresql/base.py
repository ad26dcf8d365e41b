"""The backend itself: Django finds it by `ENGINE`."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg.waiting import READY_NONE

from config import postgresql

HEALTHY_WITHIN_S = 3.0


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, but a statement that is not answered in time raises OperationalError and closes its connection.

    No setting of libpq does that: connect_timeout ends with the connecting, statement_timeout is the
    server's own, and TCP notices a dead host but not one that is up and silent.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection whose waits are limited."""
        connection = super().get_new_connection(conn_params)
        limit(connection, lambda: postgresql.answer_within_s)
        return connection

    def is_usable(self) -> bool:
        """Tell whether the server still answers; a few seconds are enough to tell."""
        if self.connection is None:
            return False
        limit(self.connection, lambda: HEALTHY_WITHIN_S)
        try:
            return super().is_usable()
        finally:
            limit(self.connection, lambda: postgresql.answer_within_s)


def limit(connection: Any, within_s: Callable[[], float | None]) -> None:
    """Let every wait of this connection end after so many seconds."""
    waiting = type(connection).wait

    def wait(answer: Any, *args: Any, **kwargs: Any) -> Any:
        seconds = within_s()
        if seconds is not None:
            answer = ended(answer, connection, at_s=time.monotonic() + seconds)
        return waiting(connection, answer, *args, **kwargs)

    connection.wait = wait


def ended(answer: Generator[Any, Any, Any], connection: Any, *, at_s: float) -> Generator[Any, Any, Any]:
    """Pass on what psycopg waits for; when it has waited too long, close the connection and raise."""
    ready = None  # a generator begins with that
    while True:
        try:
            wanted = answer.send(ready)
        except StopIteration as done:
            return done.value
        ready = yield wanted
        if ready == READY_NONE and time.monotonic() >= at_s:
            connection.pgconn.finish()
            raise psycopg.OperationalError("the server did not answer in time")
