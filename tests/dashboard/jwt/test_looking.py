"""The page that looks into a JWT: by POST alone, nothing kept, covered where the vault holds the token."""

from __future__ import annotations

import json
import time

import pytest

from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import StoredSecret
from secrets_vault.secret import Secret
from tests.house.world import changed, everything_stored
from tests.integrations.jwt.making import jwks, signed

pytestmark = pytest.mark.django_db
HOME = "/jwt/"
CANARY = "canary-subject-0123456789"
CLAIMS = {"iss": "https://issuer.example", "aud": ["us", "them"], "sub": CANARY, "scope": "crm.read crm.write"}


def claims(**more):
    return CLAIMS | {"iat": int(time.time()) - 60, "exp": int(time.time()) + 600} | more


@pytest.fixture
def browser(browser_of, ada):
    return browser_of(ada)


def test_it_says_what_a_token_says_and_that_its_signature_fits(browser):
    token = signed(claims())
    answer = browser.post(HOME, {"token": f"Bearer {token}", "public_key": json.dumps(jwks()), "audience": "us"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert answer.context["examined"].signature == "fits"
    for shown in (CANARY, "https://issuer.example", "<code>crm.write</code>", "Expires", "Signature fits"):
        assert shown in page
    assert token.rpartition(".")[2] not in page, "the token is never written back"


def test_times_are_in_the_viewers_zone_and_in_words(browser, ada):
    ada.time_zone = "Asia/Tokyo"
    ada.save()
    page = browser.post(HOME, {"token": signed(claims(iat=1_790_000_000, exp=1_790_003_600))}).content.decode()
    assert "21 Sep 2026, 23:13" in page
    assert 'title="2026-09-21T14:13:20Z"' in page
    assert "It expired" in page


def test_a_token_of_the_vault_is_covered_until_it_is_asked_for(browser, cora, browser_of, acme):
    token = signed(claims())
    stored = vault.store(
        actor=SYSTEM, client=acme, environment=acme.environments.first(), kind=StoredSecret.Kind.BEARER,
        label="CI token", fields={"token": Secret(token)},
    )  # fmt: skip
    page = browser.post(HOME, {"token": token}).content.decode()
    assert CANARY not in page
    assert f"/vault/{stored.pk}/" in page
    assert "https://issuer.example" in page
    assert CANARY in browser.post(HOME, {"token": token, "show_all": "on"}).content.decode()
    strange = browser_of(cora).post(HOME, {"token": token}).content.decode()
    assert CANARY in strange, "who may not see the secret does not learn that the vault holds it"
    assert str(stored.pk) not in strange


def test_nothing_of_it_is_stored_or_logged(browser, caplog):
    token, secret = signed(claims(), alg="HS256", key=b"canary-secret-0123456789"), "canary-secret-0123456789"
    browser.get(HOME)
    before = everything_stored()
    page = browser.post(HOME, {"token": token, "shared_secret": secret}).content.decode()
    assert changed(before) == []
    assert "Signature fits" in page
    assert secret not in page
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"token": "abc"}, "three parts"),
        ({"token": "a.b.c.d.e"}, "encrypted token"),
        ({"token": "{good}", "public_key": "hello"}, "neither a JWK"),
        ({"token": "{good}", "jwks_url": "ftp://x"}, "no https address"),
        ({"token": "{good}", "jwks_url": "http://127.0.0.1:9/keys"}, "private network"),
        ({"token": "{good}", "public_key": "x", "shared_secret": "y"}, "Give one thing"),
        ({"token": "{good}", "shared_secret": "-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----"}, "PEM form"),
    ],
)
def test_what_cannot_be_used_is_said_and_not_written_back(browser, typed, words):
    good = signed(claims())
    answer = browser.post(HOME, {name: good if text == "{good}" else text for name, text in typed.items()})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert good not in answer.content.decode()


def test_an_address_never_carries_a_token(browser):
    assert browser.get(HOME, {"token": signed(claims())}).context["form"].is_bound is False


def test_script_in_a_claim_stays_text(browser):
    page = browser.post(
        HOME, {"token": signed(claims(sub="<script>alert(1)</script>", **{"<b>x": 1}))}
    ).content.decode()
    assert "<script>alert(1)" not in page
    assert "<b>x" not in page


def test_the_palette_leads_there(browser):
    assert b'href="/jwt/"' in browser.post("/search/", {"q": "jwt"}).content
