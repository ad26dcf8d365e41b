"""What settings accept, and the sentence that a bad one gets."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


@pytest.mark.parametrize(
    ("configured", "meant"),
    [
        ("", "http://localhost:8000"),
        ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
        ("https://keys.example.com", "https://keys.example.com"),
    ],
)
def test_the_public_address_is_https_or_this_machine(configured, meant):
    assert env.public_url(configured, 8000) == meant


@pytest.mark.parametrize(
    "configured", ["http://keys.example.com", "keys.example.com", "ftp://localhost", "https://a.example/path"]
)
def test_an_address_that_would_send_keys_in_the_clear_stops_the_start(configured):
    with pytest.raises(ImproperlyConfigured, match="KEYLODGE_PUBLIC_URL"):
        env.public_url(configured, 8000)


@pytest.mark.parametrize(
    ("public_host", "bind", "allowed"),
    [("localhost", "127.0.0.1", True), ("localhost", "0.0.0.0", False), ("keys.example.com", "127.0.0.1", False)],
)
def test_debug_needs_a_loopback_address(public_host, bind, allowed):
    if allowed:
        assert env.debug(True, public_host=public_host, bind=bind) is True
    else:
        with pytest.raises(ImproperlyConfigured, match="DEBUG"):
            env.debug(True, public_host=public_host, bind=bind)


def test_the_secret_key_is_made_once_and_only_for_its_owner(tmp_path):
    first = env.secret_key(tmp_path / "home")
    assert env.secret_key(tmp_path / "home") == first
    assert (tmp_path / "home" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["secret_key"]


def test_a_home_that_is_a_file_is_named_in_the_message(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ImproperlyConfigured, match=r"KEYLODGE_HOME is .*/file"):
        env.secret_key(tmp_path / "file")


@pytest.mark.parametrize("url", ["sqs://x", "memory://", "http://localhost"])
def test_an_unknown_broker_is_refused(url, tmp_path, monkeypatch):
    monkeypatch.setenv("BROKER_URL", url)
    with pytest.raises(ImproperlyConfigured, match="BROKER_URL"):
        env.broker(env.load().read, tmp_path)


def test_a_valkey_url_is_the_same_as_a_redis_url(tmp_path, monkeypatch):
    monkeypatch.setenv("BROKER_URL", "valkey://cache:6379/1")
    url, options = env.broker(env.load().read, tmp_path)
    assert url == "redis://cache:6379/1"
    assert options["socket_timeout"] == 1


def test_the_example_file_explains_every_variable_and_no_other():
    text = (Path(env.__file__).parent.parent / ".env.example").read_text()
    named = {line.lstrip("# ").partition("=")[0] for line in text.splitlines() if "=" in line and line[:2] != "##"}
    assert named == set(env.SCHEME) - {"KEYLODGE_HOME"}
