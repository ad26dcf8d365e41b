"""A message is a doorbell: a broker that is down, slow or silent delays nobody."""

from __future__ import annotations

import threading
import time

import pytest
from celery import Celery
from django.db import transaction

from config.celery import Doorbell, Ringer
from tests.engines import start_valkey
from tests.faults.proxy import FaultProxy


def knock(*_ids: str) -> None:
    """Do nothing: these tests are about the message."""


def app_on(url: str) -> Celery:
    """Return an app like ours on another broker."""
    app = Celery("doorbells", broker=url, task_cls=Doorbell, set_as_current=False)
    app.conf.broker_connection_timeout = 1
    app.conf.broker_transport_options = {"socket_connect_timeout": 1, "socket_timeout": 1, "max_retries": 1}
    app.conf.task_publish_retry = False
    return app


def ring_many(url: str, *, times: int) -> float:
    """Ring so often and return the longest time that one ring took, in seconds."""
    task = app_on(url).task(knock, name="knock")
    ringer = Ringer()
    longest = 0.0
    for _ in range(times):
        started = time.perf_counter()
        ringer.ring(task, ())
        longest = max(longest, time.perf_counter() - started)
    return longest


@pytest.mark.processes
@pytest.mark.parametrize("mode", ["refuse", "blackhole"])
def test_a_broker_that_fails_costs_the_caller_nothing(mode):
    port = int(start_valkey().rpartition(":")[2].partition("/")[0])
    with FaultProxy(port, mode=mode) as proxy:
        assert ring_many(f"redis://127.0.0.1:{proxy.port}/0", times=200) < 0.3


class Bell:
    """Stands in for the broker's side of a task: remembers what was sent, or fails."""

    name = "bell"

    def __init__(self, *, fails: bool = False) -> None:
        self.fails, self.sent, self.tried = fails, [], 0
        self.done = threading.Event()

    def apply_async(self, args, **_options):
        self.tried += 1
        if self.fails:
            self.done.set()
            raise ConnectionError("no broker")
        self.sent.append(args)
        self.done.set()


def test_a_doorbell_rings_with_its_arguments():
    bell = Bell()
    Ringer().ring(bell, ("id",))
    assert bell.done.wait(5)
    assert bell.sent == [("id",)]


def test_after_a_failure_the_broker_is_left_alone_for_a_while():
    ringer, bell = Ringer(), Bell(fails=True)
    ringer.ring(bell, ())
    assert bell.done.wait(5)
    for _ in range(20):
        ringer.ring(bell, ())
    while not ringer.is_idle():
        time.sleep(0.01)
    assert bell.tried == 1


@pytest.mark.django_db(transaction=True)
def test_a_doorbell_rings_only_after_the_commit(monkeypatch):
    rung = []
    monkeypatch.setattr("config.celery.ringer.ring", lambda task, args: rung.append(args))
    task = app_on("memory://").task(knock, name="knock")
    with transaction.atomic():
        task.ring("id")
        assert rung == []
    assert rung == [("id",)]


def test_messages_are_json_and_results_are_not_kept():
    from config.celery import app

    assert app.conf.task_serializer == "json"
    assert list(app.conf.accept_content) == ["json"]
    assert app.conf.result_backend is None
    assert app.conf.task_ignore_result is True


def test_beat_rings_on_when_the_clock_is_put_back(monkeypatch):
    from config.celery import app

    schedule = app.conf.beat_schedule["tick"]["schedule"]
    rang_at, before = schedule.now(), time.monotonic()
    assert schedule.is_due(rang_at).next <= 10
    monkeypatch.setattr(time, "monotonic", lambda: before + 11)
    assert schedule.is_due(rang_at).is_due
