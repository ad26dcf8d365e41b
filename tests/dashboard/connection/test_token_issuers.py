"""Whose JWTs open a gateway token, on pages: shown, trusted, changed and ended by who may, after proving it."""

from __future__ import annotations

import json

import pytest

from integrations import tokens
from integrations.models import Connection, TrustedIssuer
from secrets_vault.actor import SYSTEM
from tests.fake_upstream import FakeUpstream
from tests.integrations.gateway.test_behaviour import answered
from tests.integrations.jwt.making import jwks
from tests.proving import prove

pytestmark = pytest.mark.django_db
TYPED = {
    "issuer": "https://ci.example",
    "audience": "https://keys.example.com",
    "claims": "sub = repo:acme/site:*\r\nenvironment = production",
    "keys_text": json.dumps(jwks()),
    "algs": ["RS256"],
}


@pytest.fixture
def token(acme):
    row = Connection.objects.create(
        slug="acme-x", client=acme, environment=acme.environments.first(), provider_key="hubspot", kind="bearer"
    )
    return tokens.make(acme, "CI", [row], actor=SYSTEM)[0]


@pytest.fixture
def browser(browser_of, ada):
    signed_in = browser_of(ada)
    prove(signed_in)
    return signed_in


def test_an_issuer_is_trusted_shown_changed_and_ended(browser, token):
    home = f"/tokens/{token.pk}/"
    assert "without a stored gateway token" in browser.get(home).content.decode()
    assert browser.get(f"{home}issuers/new/").status_code == 200
    assert browser.post(f"{home}issuers/new/", TYPED).headers["Location"] == home
    row = TrustedIssuer.objects.get()
    assert row.claims == {"sub": "repo:acme/site:*", "environment": "production"}
    assert "https://ci.example" in browser.get(home).content.decode()
    one = f"/tokens/issuers/{row.pk}/"
    assert "repo:acme/site:*" in browser.get(one).content.decode()
    assert browser.post(one, TYPED | {"keys_text": "", "audience": "other"}).status_code == 302
    row.refresh_from_db()
    assert (row.audience, len(row.keys)) == ("other", 1), "pasted keys stay where none are pasted anew"
    for _twice in (1, 2):
        assert browser.post(f"{home}issuers/remove/", {"issuer": str(row.pk)}).headers["Location"] == home
    assert not TrustedIssuer.objects.exists()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"claims": "sub = *"}, "fit everybody"),
        ({"claims": "sub"}, "One claim to a line"),
        ({"keys_text": "hello"}, "neither a JWK"),
        ({"keys_text": ""}, "paste them"),
        ({"algs": ["HS256"]}, "HS256"),
    ],
)
def test_what_would_let_strangers_in_is_said(browser, token, typed, words):
    answer = browser.post(f"/tokens/{token.pk}/issuers/new/", TYPED | typed)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not TrustedIssuer.objects.exists()


def test_it_is_asked_who_it_is(browser_of, ada, token):
    answer = browser_of(ada).post(f"/tokens/{token.pk}/issuers/new/", TYPED)
    assert "reauthenticate" in answer.headers["Location"]
    assert not TrustedIssuer.objects.exists()


def test_the_address_of_its_keys_is_found_shown_and_not_stored(browser, token, settings):
    with FakeUpstream() as server:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [server.host]
        server.answers = [
            answered(200, body=json.dumps({"issuer": server.url, "jwks_uri": f"{server.url}/k"}).encode())
        ]
        asked = TYPED | {"issuer": server.url, "keys_text": "", "discover": "yes"}
        page = browser.post(f"/tokens/{token.pk}/issuers/new/", asked).content.decode()
    assert f'value="{server.url}/k"' in page
    assert "Filled in, not stored yet" in page
    assert "repo:acme/site:*" in page, "what was typed stays"
    assert not TrustedIssuer.objects.exists()


def test_an_issuer_in_a_private_network_is_not_asked(browser, token):
    asked = TYPED | {"issuer": "https://169.254.169.254", "discover": "yes"}
    page = browser.post(f"/tokens/{token.pk}/issuers/new/", asked).content.decode()
    assert "Nothing was filled in" in page
    assert "private network" in page
