"""Tokens of a consent that was given elsewhere, taken over by the file."""

from __future__ import annotations

import pytest

from config.provision.problems import BadFile
from integrations.models import Connection
from integrations.oauth.refresh import give_up
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.secret import Secret
from tests.config.test_provision import apply
from tests.integrations.oauth.world import NOW

__all__ = ["apply"]
pytestmark = pytest.mark.django_db
AT = "clients.acme.connections.acme-crm.tokens"
FILE = """
[[client]]
slug = "acme"
name = "Acme Ltd"

[[client.connection]]
slug = "acme-crm"
provider = "custom"
kind = "oauth2"
oauth_app = { client_id = "id-1", client_secret = { value = "crm-secret-1" }, scopes = ["read"] }
tokens = { refresh_token = { env = "OLD" } }

[client.connection.custom]
base_url = "http://127.0.0.1:9000/api"
authorize_url = "http://127.0.0.1:9000/authorize"
token_url = "http://127.0.0.1:9000/token"
"""


def held():
    stored = Connection.objects.select_related("secret__current").get().secret
    return {name: value.expose() for name, value in vault.use(stored, actor=COMMAND, purpose="t").items()}


def test_a_refresh_token_is_taken_over_and_nothing_is_called(apply):
    answer = apply(FILE, OLD="rt-CANARY-1")
    assert answer["clients"]["acme"]["connections"]["acme-crm"]["status"] == "untested"
    assert held() == {"refresh_token": "rt-CANARY-1"}
    connection = Connection.objects.get()
    assert (connection.probe_due_at, connection.refresh_due_at) == (None, None)
    assert "CANARY" not in str(answer)
    assert apply(FILE, OLD="rt-CANARY-1")["changed"] == []


def test_both_tokens_may_be(apply):
    both = FILE.replace(
        '{ refresh_token = { env = "OLD" } }', '{ refresh_token = { env = "OLD" }, access_token = { value = "at-1" } }'
    )
    apply(both, OLD="rt-1")
    assert held() == {"refresh_token": "rt-1", "access_token": "at-1"}


def test_what_a_refresh_has_brought_is_never_overwritten_by_the_file(apply):
    apply(FILE, OLD="rt-1")
    connection = Connection.objects.select_related("secret").get()
    vault.replace(connection.secret, {"access_token": Secret("at-2"), "refresh_token": Secret("rt-2")}, actor=COMMAND)
    for token in ("rt-1", "rt-other"):
        assert apply(FILE, OLD=token)["changed"] == []
    assert held()["refresh_token"] == "rt-2"


def test_a_dead_grant_takes_other_tokens_and_not_the_dead_ones_again(apply):
    apply(FILE, OLD="rt-1")
    give_up(Connection.objects.select_related("client").get(), "invalid_grant", now=NOW)
    assert apply(FILE, OLD="rt-1")["changed"] == []
    assert Connection.objects.get().status == "needs_reconnecting"
    assert apply(FILE, OLD="rt-9")["changed"] == [AT]
    assert (held(), Connection.objects.get().status) == ({"refresh_token": "rt-9"}, "untested")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('tokens = { refresh_token = { env = "OLD" } }', "tokens = {}", "holds neither refresh_token nor access_token"),
        ("{ refresh_token =", "{ id_token =", "is not a known key"),
        ('kind = "oauth2"', 'kind = "client_credentials"', "belongs to kind oauth2"),
        ('env = "OLD"', 'value = "rt-CANARY 1"', "tokens.refresh_token: this holds a space"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(apply, before, after, words):
    with pytest.raises(BadFile) as refused:
        apply(FILE.replace(before, after, 1), OLD="rt-CANARY-1")
    assert words in str(refused.value)
    assert "CANARY" not in str(refused.value)
    assert not Connection.objects.exists()
