"""A log line holds what helps to find a fault, and nothing that opens anything."""

from __future__ import annotations

import io
import logging
import logging.config

import pytest
from django.test import Client

from config.log_lines import logging_config
from tests.factories import make_user

LINK = "t4k3-m3-1n-" + "Q7zX" * 8


@pytest.fixture
def log():
    """Return a stream that the configured handler writes to."""
    config = logging_config("DEBUG")
    stream = io.StringIO()
    config["handlers"]["console"]["stream"] = stream
    before = logging.getLogger().handlers[:]
    logging.config.dictConfig(config)
    yield stream
    logging.getLogger().handlers[:] = before


def test_a_missing_page_is_logged_without_its_path(log, settings):
    settings.ALLOWED_HOSTS = ["localhost"]
    Client().get(f"/nothing/{LINK}", headers={"host": "localhost"})
    assert "GET (no such page) answered 404" in log.getvalue()
    assert LINK not in log.getvalue()


def test_a_line_carries_the_reference_of_the_error_page(log, settings):
    settings.ALLOWED_HOSTS = ["localhost"]
    page = Client().get("/nothing", headers={"host": "localhost"})
    reference = page.content.decode().partition("Reference: <code>")[2].partition("<")[0]
    assert len(reference) == 12
    assert f"[{reference}]" in log.getvalue()


def test_a_secret_in_an_argument_or_a_traceback_is_masked(log):
    secret = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
    try:
        raise ValueError(f"refused: Bearer {secret}")
    except ValueError:
        logging.getLogger("integrations.x").exception("api_key=%s", secret)
    assert secret not in log.getvalue()
    assert log.getvalue().count("\n") == 1


def test_a_record_with_a_strange_request_costs_nothing(log):
    logging.getLogger("django.request").warning("x %s", "y", extra={"request": object(), "status_code": 500})
    assert "answered 500" in log.getvalue()


@pytest.mark.django_db
def test_a_refusal_is_one_line_and_a_break_keeps_its_traceback(log, settings):
    settings.ALLOWED_HOSTS = ["localhost"]
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(make_user("Cora"))
    assert browser.get("/clients/new/").status_code == 403
    assert "GET clients/new/ answered 403" in log.getvalue()
    assert "Traceback" not in log.getvalue()
    assert "PermissionDenied" not in log.getvalue()
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("django.request").exception("x", extra={"status_code": 500})
    assert "ValueError: broken" in log.getvalue()


def test_nobody_is_mailed_about_an_error():
    assert "mail" not in str(logging_config("INFO"))
