"""The cast and the fixtures that every test may ask for."""

from __future__ import annotations

import io
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from coverage import Coverage

from config.log_lines import logging_config
from secrets_vault import keys
from tests.emptying import empty_after_each_test

empty_after_each_test()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every database test see the call log's database too, and run the browser's tests last.

    From its first page on, Playwright keeps an event loop running in this thread; `asyncio.run` would refuse to start.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    for item in items:
        for mark in item.iter_markers("django_db"):
            mark.kwargs.setdefault("databases", "__all__")


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
    """Measure no coverage while the tables are made: migrations do not count, and take nearly twice as long for it."""
    measured = Coverage.current() if fixturedef.argname == "django_db_setup" else None
    if measured is None:
        return (yield)
    measured.stop()
    try:
        return (yield)
    finally:
        measured.start()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Yield what the configured handler of every process writes, at the level that DEBUG asks for."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    config = logging_config("DEBUG")
    config["handlers"]["console"]["stream"] = stream
    logging.config.dictConfig(config)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def vault(request: pytest.FixtureRequest, _django_db_marker: None) -> Iterator[None]:
    """Give every database test an open vault of its own."""
    mark = request.node.get_closest_marker("django_db")
    if mark is None and not DATABASE_FIXTURES & set(request.fixturenames):
        yield
        return
    keys.forget()
    keys.initialise()
    yield
    keys.forget()


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """Hash passwords fast: Argon2id as we set it takes 100 MiB and a quarter of a second, on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]


DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "django_db_serialized_rollback"}
