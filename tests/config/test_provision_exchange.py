"""A connection of the file whose key is exchanged for tokens."""

from __future__ import annotations

import pytest

from config.provision.problems import BadFile
from integrations.models import Connection
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from tests.config.test_provision import apply

__all__ = ["apply"]
pytestmark = pytest.mark.django_db
AT = "clients.acme.connections.acme-keys"
FILE = """
[[client]]
slug = "acme"
name = "Acme Ltd"

[[client.connection]]
slug = "acme-keys"
provider = "custom"
kind = "key_exchange"
secret = { env = "THE_KEY" }

[client.connection.custom]
base_url = "http://127.0.0.1:9000/api"
exchange = { url = "http://127.0.0.1:9000/auth", body = { apiKey = "{api_key}" }, token_at = "token", ttl_s = 900 }
"""
PAIR = FILE.replace('secret = { env = "THE_KEY" }', 'username = "jo"\nsecret = { env = "THE_KEY" }').replace(
    'body = { apiKey = "{api_key}" }', "basic = true"
)


def held():
    stored = Connection.objects.get().grant_secret
    return {name: value.expose() for name, value in vault.use(stored, actor=COMMAND, purpose="t").items()}


def test_a_key_is_kept_and_the_same_file_changes_nothing(apply):
    answer = apply(FILE, THE_KEY="key-CANARY-1")
    assert answer["clients"]["acme"]["connections"]["acme-keys"]["status"] == "untested"
    assert held() == {"api_key": "key-CANARY-1"}
    assert Connection.objects.get().probe_due_at is None
    assert apply(FILE, THE_KEY="key-CANARY-1")["changed"] == []
    assert "CANARY" not in str(answer)


def test_another_key_is_a_new_version(apply):
    apply(FILE, THE_KEY="key-1")
    assert apply(FILE, THE_KEY="key-2")["changed"] == [f"{AT}.secret"]
    assert held() == {"api_key": "key-2"}


def test_a_user_name_and_a_password_may_be_what_is_exchanged(apply):
    apply(PAIR, THE_KEY="pass-1")
    assert held() == {"username": "jo", "password": "pass-1"}


def test_more_than_one_value_may_be(apply):
    more = 'secret = { env = "THE_KEY" }\nfields = { api_secret = { env = "THE_SECRET" } }'
    both = FILE.replace('secret = { env = "THE_KEY" }', more).replace(
        '{api_key}" }', '{api_key}", s = "{api_secret}" }'
    )
    apply(both, THE_KEY="key-1", THE_SECRET="secret-1")
    assert held() == {"api_key": "key-1", "api_secret": "secret-1"}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('secret = { env = "THE_KEY" }\n', "", "client.connection.secret: is missing"),
        ("{api_key}", "{token}", "custom.oauth.exchange.body: must hold {api_key}"),
        ('url = "http://127.0.0.1:9000/auth", ', "", "custom.exchange.url: is missing"),
        ("base_url =", 'token_url = "http://127.0.0.1:9000/t"\nbase_url =', "two ways to a token"),
        ('kind = "key_exchange"', 'kind = "api_key"\napp = "x"', "belongs to kinds"),
        ("secret = {", 'fields = { other = { value = "x" } }\nsecret = {', "takes no such value"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(apply, before, after, words):
    with pytest.raises(BadFile) as refused:
        apply(FILE.replace(before, after, 1), THE_KEY="key-CANARY-1")
    assert words in str(refused.value)
    assert "CANARY" not in str(refused.value)
    assert not Connection.objects.exists()
