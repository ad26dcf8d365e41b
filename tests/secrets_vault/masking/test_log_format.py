"""What a log line may say: everything but secrets, on one line."""

import io
import logging
import sys

import pytest

from secrets_vault.masking.log_format import MaskedStream, MaskingFormatter, install

SECRET = "hunter2-zebra"


@pytest.fixture
def log():
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(MaskingFormatter(known=lambda: ["zebra-42-lion"]))
    logger = logging.Logger("keylodge.test")
    logger.addHandler(handler)
    return logger, out


def test_arguments_are_masked(log):
    logger, out = log
    logger.warning("connecting with %s", {"password": SECRET})
    assert SECRET not in out.getvalue()
    assert "****" in out.getvalue()


def test_an_exception_with_its_cause_and_notes_is_masked_on_one_line(log):
    logger, out = log
    try:
        try:
            raise ValueError("password=" + SECRET)
        except ValueError as cause:
            error = RuntimeError("token: " + SECRET)
            error.add_note("api_key=" + SECRET)
            raise error from cause
    except RuntimeError:
        logger.exception("failed")
    assert SECRET not in out.getvalue()
    assert out.getvalue().count("\n") == 1
    assert "direct cause" in out.getvalue()


def test_known_values_are_masked(log):
    logger, out = log
    logger.error("it was zebra-42-lion")
    assert "lion" not in out.getvalue()


def test_nobody_forges_an_event(log):
    logger, out = log
    logger.warning("path %s", "/x\n2026-01-01 INFO root forged\r\x1b[2J\u2028")
    assert out.getvalue().count("\n") == 1
    assert "\x1b" not in out.getvalue()
    assert "\\n2026-01-01" in out.getvalue()


def test_bad_arguments_say_where_and_not_what(log):
    logger, out = log
    logger.warning("%d %s", SECRET)
    assert SECRET not in out.getvalue()
    assert "test_log_format.py" in out.getvalue()


def test_a_vault_that_fails_does_not_silence_the_log():
    def broken():
        raise RuntimeError("locked")

    record = logging.LogRecord("a", logging.INFO, "f.py", 1, "password=%s", ("hunter2",), None)
    assert MaskingFormatter(known=broken).format(record).endswith("password=****")


def test_stderr_is_masked_by_whole_lines():
    out = io.StringIO()
    stream = MaskedStream(out, MaskingFormatter())
    stream.write("pass")
    stream.write("word=" + SECRET + "\nnext")
    assert out.getvalue() == "password=****\n"
    stream.flush()
    assert out.getvalue().endswith("next")


def test_install_changes_handlers_and_stderr_once(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(logging, "raiseExceptions", True)
    monkeypatch.setattr(logging.lastResort, "formatter", None)
    kept = [(h, h.formatter) for h in logging.getLogger().handlers]
    install()
    first = sys.stderr
    install()
    assert isinstance(first, MaskedStream)
    assert sys.stderr is first
    assert logging.raiseExceptions is False
    for handler, formatter in kept:
        handler.setFormatter(formatter)
