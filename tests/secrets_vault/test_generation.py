"""Processes see one another's changes without asking the database."""

from __future__ import annotations

import multiprocessing
import time

import pytest
from django.conf import settings
from django.db import connection

from secrets_vault import generation
from tests.engines import only_on_postgres, only_on_sqlite


def count_up_often(home, times):
    settings.KEYLODGE_HOME = home  # of its own: a thread left by an earlier test may still count this process's up
    for _ in range(times):
        generation.count_up()


def test_no_count_is_lost_between_processes(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=count_up_often, args=(tmp_path, 300)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert int.from_bytes((tmp_path / "generation").read_bytes(), "little") == 1200


@pytest.mark.django_db(transaction=True)
@only_on_postgres("NOTIFY is PostgreSQL's")
def test_another_machines_change_arrives_within_a_second(monkeypatch):
    at_start = generation.current()
    listener = generation.start_listener()
    try:
        wait_for_more_than(at_start)  # it counts once when it begins to listen
        before = generation.current()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [generation.CHANNEL])
        wait_for_more_than(before)
    finally:
        listener.stop()
    assert not listener._thread.is_alive()


def wait_for_more_than(count):
    until = time.monotonic() + 10
    while generation.current() <= count and time.monotonic() < until:
        time.sleep(0.01)
    assert generation.current() > count


@only_on_sqlite("SQLite is one machine")
def test_one_machine_needs_no_listener():
    assert generation.start_listener() is None
