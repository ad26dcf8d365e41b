"""Trusted issuers of a file: whose JWTs open a gateway token, trusted once and changed when the file is."""

from __future__ import annotations

import json

import pytest

from config.provision.problems import BadFile
from integrations.models import TrustedIssuer
from secrets_vault.models import AuditEvent
from tests.config.test_provision import apply
from tests.integrations.jwt.making import jwks

__all__ = ["apply"]

pytestmark = pytest.mark.django_db

FILE = """
[[client]]
slug = "acme"
name = "Acme Ltd"

[[client.connection]]
slug = "acme-key"
provider = "custom"
kind = "api_key"
secret = { value = "key-0123456789abcdef" }
custom = { base_url = "http://127.0.0.1:9000/api" }

[[client.gateway_token]]
name = "CI"
connections = ["acme-key"]

[[client.gateway_token.trusted_issuer]]
issuer = "https://token.actions.githubusercontent.com"
audience = "keylodge"
claims = { sub = "repo:acme/site:*" }
"""
BY_ADDRESS = FILE + 'jwks_url = "https://token.actions.githubusercontent.com/.well-known/jwks"\n'


def test_an_issuer_is_trusted_and_the_same_file_changes_nothing(apply):
    answer = apply(BY_ADDRESS)
    where = ["acme", "gateway_tokens", "CI", "trusted_issuer", "https://token.actions.githubusercontent.com"]
    assert any(all(part in str(line) for part in where) for line in answer["changed"])
    row = TrustedIssuer.objects.get()
    assert (row.token.name, row.audience, row.algs) == ("CI", "keylodge", ["RS256"])
    assert row.claims == {"sub": "repo:acme/site:*"}
    assert apply(BY_ADDRESS)["changed"] == []
    assert AuditEvent.objects.filter(action="token.issuer_trusted").count() == 1


def test_a_changed_claim_changes_the_row_and_what_the_file_does_not_name_stays(apply):
    apply(BY_ADDRESS)
    assert apply(BY_ADDRESS.replace("acme/site:*", "acme/site:ref:refs/heads/main"))["changed"] != []
    assert TrustedIssuer.objects.get().claims == {"sub": "repo:acme/site:ref:refs/heads/main"}
    apply(FILE.partition("[[client.gateway_token.trusted_issuer]]")[0])
    assert TrustedIssuer.objects.count() == 1


def test_keys_may_stand_in_the_file(apply):
    text = FILE + f"keys = '''{json.dumps(jwks())}'''\nalgs = [\"RS256\", \"ES256\"]\n"
    apply(text)
    assert len(TrustedIssuer.objects.get().keys) == 1
    assert apply(text)["changed"] == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", "jwks_url: Give the address"),
        ('jwks_url = "ftp://ci.example/keys"', "jwks_url: This is no https address"),
        ('keys = "hello"', "trusted_issuer.keys: "),
        ('jwks_url = "https://ci.example/k"\nalgs = ["HS256"]', "algs: Choose"),
        ('jwks_url = "https://ci.example/k"\nkid = "1"', "kid: is not a known key"),
    ],
)
def test_what_would_not_do_is_refused_with_its_line_and_nothing_is_written(apply, more, words):
    with pytest.raises(BadFile) as refused:
        apply(FILE + more)
    assert words in str(refused.value)
    assert not TrustedIssuer.objects.exists()


def test_patterns_that_fit_everybody_are_refused(apply):
    with pytest.raises(BadFile, match="fit everybody"):
        apply(BY_ADDRESS.replace("repo:acme/site:*", "*"))
