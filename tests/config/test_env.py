"""What settings accept, and the sentence that a bad one gets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
    "configured",
    [
        "http://keys.example.com",
        "keys.example.com",
        "ftp://localhost",
        "https://a.example/path",
        "https://[::1",
        "https://a:b",
    ],
)
def test_an_address_that_would_send_keys_in_the_clear_stops_the_start(configured):
    with pytest.raises(ImproperlyConfigured, match="KEYLODGE_PUBLIC_URL"):
        env.public_url(configured, 8000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KEYLODGE_PORT", "abc"),
        ("KEYLODGE_PORT", "0"),
        ("KEYLODGE_PORT", "99999"),
        ("KEYLODGE_TRUSTED_PROXIES", "x"),
        ("KEYLODGE_WEB_PROCESSES", "-3"),
        ("KEYLODGE_KEEP_CALLS_DAYS", "ninety"),
        ("KEYLODGE_LOG_LEVEL", "LOUD"),
        ("KEYLODGE_REQUIRE_MFA", "maybe"),
        ("SECRET_KEY_FILE", "/nowhere/secret"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_and_not_repeated(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name) as refused:
        env.load()
    assert value not in str(refused.value)


@pytest.mark.parametrize(("name", "value"), [("KEYLODGE_PORT", "abc"), ("DATABASE_URL", "garbage")])
def test_bad_settings_end_every_command_with_one_sentence(name, value, tmp_path):
    ended = keylodge("audit_verify", KEYLODGE_HOME=str(tmp_path / "home"), **{name: value})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert name in ended.stderr
    assert value not in ended.stderr


@pytest.mark.parametrize("name", ["rotate_wrapping_key", "rotate_client_key", "scan", "nonsense"])
def test_a_command_that_is_not_built_does_not_exist(name, tmp_path):
    ended = keylodge(name, KEYLODGE_HOME=str(tmp_path / "home"))
    assert ended.returncode == 2
    assert ended.stderr.startswith("keylodge: There is no command")


def test_an_address_that_this_machine_has_not_is_said_to_be_that(tmp_path):
    ended = keylodge("serve", KEYLODGE_HOME=str(tmp_path / "home"), KEYLODGE_BIND="192.0.2.1")
    assert ended.returncode == 2
    assert "no address of this machine" in ended.stderr


def test_help_names_the_command_that_people_type(tmp_path):
    ended = keylodge("demo", "--help", KEYLODGE_HOME=str(tmp_path / "home"))
    assert ended.stdout.startswith("usage: keylodge demo ")


def keylodge(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {key: text for key, text in os.environ.items() if key not in env.SCHEME}
    command = [sys.executable, str(Path(env.__file__).parent.parent / "manage.py"), *arguments]
    return subprocess.run(command, env=kept | variables, capture_output=True, text=True, timeout=60, check=False)


def test_a_value_from_a_file_ends_before_its_line_break(tmp_path, monkeypatch):
    (tmp_path / "switch").write_text("True\n")
    monkeypatch.setenv("KEYLODGE_REQUIRE_MFA_FILE", str(tmp_path / "switch"))
    assert env.load().read("KEYLODGE_REQUIRE_MFA") is True


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


@pytest.mark.parametrize("url", ["valkey://cache:6379/1", "redis://cache:6379/1"])
def test_a_cache_may_be_valkey_by_either_name(url, monkeypatch):
    monkeypatch.setenv("CACHE_URL", url)
    assert env.caches(env.load().read)["default"]["LOCATION"] == "redis://cache:6379/1"


def test_the_example_file_explains_every_variable_and_no_other():
    text = (Path(env.__file__).parent.parent / ".env.example").read_text()
    named = {line.lstrip("# ").partition("=")[0] for line in text.splitlines() if "=" in line and line[:2] != "##"}
    assert named == set(env.SCHEME) - {"KEYLODGE_HOME"}


def test_a_broker_folder_that_cannot_be_made_stops_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("BROKER_URL", raising=False)
    (tmp_path / "broker").write_text("")
    url, _options = env.broker(env.load().read, tmp_path)
    assert url == "filesystem://"


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("export", "calls", "--format", "jsonl"), 0), (("doctor",), 1), (("audit_verify",), 2)],
)
def test_a_command_on_an_empty_home_never_ends_in_a_riddle(arguments, status, tmp_path):
    ended = keylodge(*arguments, KEYLODGE_HOME=str(tmp_path / "home"))
    assert ended.returncode == status, ended.stderr
    assert "Traceback" not in ended.stderr
    if arguments == ("doctor",):
        assert json.loads(ended.stdout)["findings"][0]["check"] == "tables"
