"""Connections of a file that ask for their own tokens: an OAuth app for itself, a service account by its key."""

from __future__ import annotations

import json

import pytest

from config.provision.problems import BadFile
from integrations.models import Connection
from tests.config.test_provision import apply
from tests.integrations.oauth.machine_world import pem

__all__ = ["apply"]

pytestmark = pytest.mark.django_db

APP = """
[[client]]
slug = "acme"
name = "Acme Ltd"

[[client.connection]]
slug = "acme-billing"
provider = "custom"
kind = "client_credentials"
oauth_app = { client_id = "id-1", client_secret = { value = "billing-secret-1" }, scopes = ["read"] }
custom = { base_url = "http://127.0.0.1:9000/api", token_url = "http://127.0.0.1:9000/token" }
"""
KEY = """
[[client]]
slug = "acme"
name = "Acme Ltd"

[[client.connection]]
slug = "acme-robot"
provider = "custom"
kind = "jwt_bearer"
key = { env = "ROBOT_KEY" }
claims = { iss = "robot@acme.example", sub = "jo@acme.example" }
custom = { base_url = "http://127.0.0.1:9000/api", token_url = "http://127.0.0.1:9000/token" }
"""


def test_an_app_that_asks_for_itself_is_ready_and_nothing_is_called(apply):
    answer = apply(APP)["clients"]["acme"]["connections"]["acme-billing"]
    assert answer == {"gateway_url": "http://localhost:8000/gateway/acme-billing", "status": "untested"}
    connection = Connection.objects.get(slug="acme-billing")
    assert connection.oauth_app.required_scopes == ["read"]
    assert (connection.secret, connection.probe_due_at) == (None, None)
    assert apply(APP)["changed"] == []


def test_a_key_and_its_claims_are_kept_and_the_same_file_changes_nothing(apply):
    answer = apply(KEY, ROBOT_KEY=pem())
    assert answer["clients"]["acme"]["connections"]["acme-robot"]["status"] == "untested"
    connection = Connection.objects.get(slug="acme-robot")
    assert connection.claims == {"iss": "robot@acme.example", "sub": "jo@acme.example"}
    assert connection.grant_secret.kind == "private_key"
    assert connection.probe_due_at is None
    assert apply(KEY, ROBOT_KEY=pem().replace("\n", "\\n"))["changed"] == []
    assert connection.grant_secret.versions.count() == 1


def test_another_key_is_a_new_version_and_other_claims_are_told(apply):
    apply(KEY, ROBOT_KEY=pem())
    at = "clients.acme.connections.acme-robot"
    assert apply(KEY, ROBOT_KEY=pem("EC", "P-256"))["changed"] == [f"{at}.key"]
    assert apply(KEY.replace("jo@", "mo@"), ROBOT_KEY=pem("EC", "P-256"))["changed"] == [f"{at}.claims"]
    assert Connection.objects.get().grant_secret.versions.count() == 2


def test_a_service_accounts_file_brings_its_own_issuer(apply):
    table = {"private_key": pem(), "client_email": "sheets@acme.example", "private_key_id": "k1"}
    apply(KEY.replace('iss = "robot@acme.example", ', ""), ROBOT_KEY=json.dumps(table))
    claims = Connection.objects.get().claims
    assert claims == {"iss": "sheets@acme.example", "kid": "k1", "sub": "jo@acme.example"}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('key = { env = "ROBOT_KEY" }\n', "", "client.connection.key: is missing"),
        ('iss = "robot@acme.example", ', "", "client.connection.claims.iss: Issuer (iss) is missing"),
        ("sub = ", "exp = ", "exp is set for each token anew"),
        ('kind = "jwt_bearer"', 'kind = "api_key"', "belongs to kind jwt_bearer"),
        ('kind = "jwt_bearer"', 'kind = "jwt_bearer"\nsecret = { value = "x" }', "has a key and claims"),
        ("claims = {", "claims = { n = 1, ", "must be a text"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_field_and_nothing_is_written(apply, before, after, words):
    with pytest.raises(BadFile) as refused:
        apply(KEY.replace(before, after), ROBOT_KEY=pem())
    assert words in str(refused.value)
    assert not Connection.objects.exists()


def test_a_key_that_is_none_is_refused_without_being_quoted(apply):
    with pytest.raises(BadFile) as refused:
        apply(KEY, ROBOT_KEY=pem()[:300])
    assert "damaged or not whole" in str(refused.value)
    assert pem().splitlines()[1] not in str(refused.value)


def test_a_client_credentials_connection_wants_its_app(apply):
    with pytest.raises(BadFile, match="oauth_app: is missing"):
        apply(APP.replace(APP[APP.index("oauth_app") : APP.index("custom =")], ""))
