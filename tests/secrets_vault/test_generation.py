"""Processes see one another's changes without asking the database."""

from __future__ import annotations

import multiprocessing

from secrets_vault import generation


def count_up_often(times):
    for _ in range(times):
        generation.count_up()


def test_no_count_is_lost_between_processes():
    before = generation.current()
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=count_up_often, args=(300,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    count_up_often(300)
    for worker in workers:
        worker.join()
    assert generation.current() == before + 1200
