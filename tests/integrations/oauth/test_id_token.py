"""An id_token is believed after every check, or not at all; who somebody is, is issuer and subject."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from integrations.models import Connection, OAuthFlow
from integrations.oauth import flow, signing_keys
from integrations.oauth.account import Account, both_named
from integrations.oauth.errors import ConsentRefused
from integrations.oauth.id_token import Identity
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import SecretField, StoredSecret
from tests.integrations.oauth.openid_world import (
    ACCESS,
    ISSUER,
    JWKS_URL,
    KEYS,
    Provider,
    at_hash,
    b64,
    keyed,
    make_openid_connection,
    public,
    signed,
    unsigned,
)
from tests.integrations.oauth.world import NOW

pytestmark = pytest.mark.django_db
LATER = int(NOW.timestamp())
PUBLIC_PEM = KEYS["rsa"].as_pem(private=False)
SMALL_JWK = {"kty": "RSA", "n": "AQAB", "e": "AQAB"}


@pytest.fixture(autouse=True)
def no_kept_keys():
    signing_keys.forget()


@pytest.fixture
def provider():
    return Provider()


@pytest.fixture
def openid(ada):
    return make_openid_connection(ada)


def test_a_good_token_names_the_account_by_issuer_and_subject(provider, openid, ada):
    finished = provider.connect(openid, ada)
    openid.refresh_from_db()
    assert (openid.status, openid.account_id) == ("connected", f"{ISSUER}#user-1")
    assert openid.account_name == "office@acme.example"
    assert finished.other_account is None
    assert provider.query["scope"] == "openid things.read"
    assert len(provider.query["nonce"]) == 43


def test_the_token_is_not_kept_and_the_nonce_only_as_a_hash(provider, openid, ada):
    provider.connect(openid, ada)
    assert sorted(SecretField.objects.values_list("name", flat=True)) == ["access_token", "client_secret"]
    openid.refresh_from_db()
    assert vault.use(openid.secret, actor=SYSTEM, purpose="test")["access_token"].expose() == ACCESS
    row = OAuthFlow.objects.get()
    assert len(bytes(row.nonce_hash)) == 32
    assert provider.query["nonce"].encode() not in bytes(row.nonce_hash)


def change(**claims):
    return lambda whole: signed({name: value for name, value in (whole | claims).items() if value is not ...})


def header(**more):
    return lambda whole: signed(whole, header=more)


FORGED = {
    "alg none": (lambda c: unsigned({"alg": "none", "typ": "JWT"}, c), "alg"),
    "alg None, with a key id": (lambda c: unsigned({"alg": "None", "kid": "rsa-1"}, c), "alg"),
    "no alg": (lambda c: unsigned({"typ": "JWT", "kid": "rsa-1"}, c, b"x"), "malformed"),
    "HMAC with the public key as secret": (lambda c: keyed(c, PUBLIC_PEM), "alg"),
    "HMAC with the app's secret": (lambda c: keyed(c, b"app-secret-of-example"), "alg"),
    "an algorithm that is not the provider's": (lambda c: signed(c, key="ec", alg="ES256"), "alg"),
    "another strength than the provider's": (lambda c: signed(c, alg="RS512"), "alg"),
    "signed by somebody else under a known key id": (lambda c: signed(c, key="other"), "signature"),
    "brings its own key": (lambda c: signed(c, key="other", header={"jwk": SMALL_JWK}), "header"),
    "says where its key is": (lambda c: signed(c, key="other", header={"jku": "https://evil.example/k"}), "header"),
    "says where its certificate is": (header(x5u="https://evil.example/c"), "header"),
    "brings its own certificate": (header(x5c=["MIIB"]), "header"),
    "a key id that nobody knows": (lambda c: signed(c, key="next"), "kid"),
    "a key id of another type": (lambda c: unsigned({"alg": "RS256", "kid": 7}, c, b"x"), "kid"),
    "a key made for encrypting": (lambda c: signed(c, key="enc"), "kid"),
    "a key that is too short": (lambda c: signed(c, key="weak"), "kid"),
    "rules nobody knows": (
        lambda c: unsigned({"alg": "RS256", "kid": "rsa-1", "crit": ["exp"], "exp": 1}, c, b"x"),
        "header",
    ),
    "an access token in its place": (header(typ="at+jwt"), "typ"),
    "another issuer": (change(iss="https://id.example.com/tenant-2"), "iss"),
    "an issuer with a slash": (change(iss=ISSUER + "/"), "iss"),
    "no issuer": (change(iss=...), "iss"),
    "for another app": (change(aud="app-2"), "aud"),
    "for several, without saying to whom": (change(aud=["app-1", "app-2"]), "azp"),
    "for several, given to another": (change(aud=["app-1", "app-2"], azp="app-2"), "azp"),
    "for us, given to another": (change(azp="app-2"), "azp"),
    "an audience that only begins like ours": (change(aud="app-1x"), "aud"),
    "ended": (change(exp=LATER - 61), "exp"),
    "no end": (change(exp=...), "exp"),
    "an end that is true": (change(exp=True), "exp"),
    "an end as text": (change(exp=str(LATER + 300)), "exp"),
    "made tomorrow": (change(iat=LATER + 86_400), "iat"),
    "made yesterday": (change(iat=LATER - 86_400), "iat"),
    "not made": (change(iat=...), "iat"),
    "made before time was": (change(iat=-(10**400)), "iat"),
    "made at no number": (change(iat=float("nan")), "iat"),
    "not valid yet": (change(nbf=LATER + 300), "nbf"),
    "another nonce": (change(nonce="n" * 43), "nonce"),
    "no nonce": (change(nonce=...), "nonce"),
    "another access token": (change(at_hash=at_hash("another")), "at_hash"),
    "a hash that is no text": (change(at_hash=None), "at_hash"),
    "the whole hash": (change(at_hash="A" * 43), "at_hash"),
    "nobody": (change(sub=""), "sub"),
    "somebody who is a number": (change(sub=7), "sub"),
    "five parts": (lambda c: signed(c) + ".e30.e30", "malformed"),
    "two parts": (lambda c: signed(c).rpartition(".")[0], "malformed"),
    "a header that never ends": (lambda c: f"{b64(b'[' * 12_000)}.e30.eA", "malformed"),
    "no JSON": (lambda c: "bm90.anNvbg.eA", "malformed"),
    "a list of claims": (lambda c: signed([c]), "malformed"),
    "changed afterwards": (lambda c: _swapped(signed(c), signed(c | {"sub": "admin"})), "signature"),
    "no token at all": (lambda c: None, "missing"),
}


def _swapped(token, other):
    parts, others = token.split("."), other.split(".")
    return ".".join([parts[0], others[1], parts[2]])


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused_and_nothing_is_stored(provider, openid, ada, name):
    provider.forge, why = FORGED[name]
    with pytest.raises(ConsentRefused) as caught:
        provider.connect(openid, ada)
    assert (caught.value.code, caught.value.details["code"]) == ("id_token_refused", why)
    openid.refresh_from_db()
    assert (openid.status, openid.account_id, openid.secret_id) == ("not_connected", "", None)
    assert not StoredSecret.objects.filter(kind="oauth_tokens").exists()
    assert all(url.startswith(ISSUER) for url in provider.asked)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["app-1"]},
        {"aud": ["app-1", "app-2"], "azp": "app-1"},
        {"exp": LATER - 59},
        {"iat": LATER + 59},
        {"at_hash": ...},
    ],
)
def test_what_the_specification_allows_is_accepted(provider, openid, ada, changes):
    provider.forge = change(**changes)
    assert provider.connect(openid, ada).connection.status == "connected"


def test_an_algorithm_that_the_facts_name_is_accepted(provider, ada):
    connection = make_openid_connection(ada, id_token_algs=["ES256"])
    provider.published.append(public("ec"))
    provider.forge = lambda claims: signed(claims, key="ec", alg="ES256")
    assert provider.connect(connection, ada).connection.status == "connected"


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256"])
def test_other_algorithms_of_the_list_count_where_the_facts_name_them(provider, ada, alg):
    connection = make_openid_connection(ada, id_token_algs=[alg])
    provider.forge = lambda claims: signed(claims | {"at_hash": at_hash(alg=alg)}, alg=alg)
    assert provider.connect(connection, ada).connection.status == "connected"
    provider.forge = None
    with pytest.raises(ConsentRefused, match="id_token_refused"):
        provider.connect(Connection.objects.get(), ada)


def test_without_a_key_id_the_one_key_that_fits_is_used(provider, openid, ada):
    provider.published = [public("rsa"), public("enc", use="enc"), public("ec")]
    provider.forge = header(kid=None)
    assert provider.connect(openid, ada).connection.status == "connected"


def test_without_a_key_id_two_keys_that_fit_are_no_choice(provider, openid, ada):
    provider.published = [public("rsa"), public("next")]
    provider.forge = header(kid=None)
    with pytest.raises(ConsentRefused, match="id_token_refused"):
        provider.connect(openid, ada)


def test_keys_are_kept_and_fetched_once_more_when_the_provider_has_new_ones(provider, openid, ada):
    provider.connect(openid, ada)
    provider.connect(openid, ada)
    assert provider.asked.count(JWKS_URL) == 1
    provider.published, provider.forge = [public("next")], lambda claims: signed(claims, key="next")
    provider.connect(openid, ada)
    assert provider.asked.count(JWKS_URL) == 2
    signing_keys.find_key(JWKS_URL, alg="RS256", kid="rsa-2", now=NOW + timedelta(hours=1), send=provider.send)
    assert provider.asked.count(JWKS_URL) == 3


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (302, None),
        (500, None),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"keys": 7}'),
        (200, b"[" * 60_000),
        (200, json.dumps({"keys": [{"kty": "RSA"}] * 65}).encode()),
    ],
)
def test_keys_that_cannot_be_read_are_a_bad_minute_and_not_an_identity(provider, openid, ada, status, body):
    provider.jwks_status, provider.jwks_body = status, body
    with pytest.raises(ConsentRefused) as caught:
        provider.connect(openid, ada)
    assert (caught.value.code, caught.value.details["code"]) == ("provider_down", "keys_unreadable")


def test_a_key_server_that_is_down_is_a_bad_minute(provider, openid, ada):
    provider.is_down = True
    with pytest.raises(ConsentRefused, match="provider_down"):
        provider.connect(openid, ada)


def test_a_renamed_user_stays_who_they_are(provider, openid, ada):
    provider.connect(openid, ada)
    provider.claims = {"email": "renamed@acme.example", "preferred_username": "renamed"}
    assert provider.connect(openid, ada).other_account is None
    openid.refresh_from_db()
    assert (openid.account_id, openid.account_name) == (f"{ISSUER}#user-1", "renamed@acme.example")


def test_somebody_who_takes_over_a_name_and_an_address_is_another_account(provider, openid, ada):
    Connection.objects.filter(pk=openid.pk).update(expected_account_id="office@acme.example")
    openid.refresh_from_db()
    assert provider.connect(openid, ada).other_account is None
    provider.claims = {"sub": "user-2"}
    other = provider.connect(Connection.objects.get(), ada).other_account
    assert (other.chosen_id, other.chosen_name) == (f"{ISSUER}#user-2", "office@acme.example")
    openid.refresh_from_db()
    assert openid.account_id == f"{ISSUER}#user-1"


def test_the_same_subject_at_another_issuer_is_another_account(provider, openid, ada):
    provider.connect(openid, ada)
    Connection.objects.filter(pk=openid.pk).update(account_id="https://elsewhere.example#user-1")
    assert provider.connect(Connection.objects.get(), ada).other_account is not None


@pytest.mark.parametrize(("verified", "is_asked"), [(True, False), (False, True), ("true", True)])
def test_an_expected_address_counts_only_when_the_provider_has_verified_it(provider, openid, ada, verified, is_asked):
    Connection.objects.filter(pk=openid.pk).update(expected_account_id="Office@acme.example")
    provider.claims = {"email_verified": verified}
    assert (provider.connect(Connection.objects.get(), ada).other_account is not None) == is_asked


def test_two_long_subjects_that_begin_alike_are_two_accounts(provider, openid, ada):
    provider.claims = {"sub": "a" * 250}
    provider.connect(openid, ada)
    provider.claims = {"sub": "a" * 249 + "b"}
    assert provider.connect(Connection.objects.get(), ada).other_account is not None


def test_where_no_key_address_is_known_openid_is_not_asked_for(provider, ada):
    connection = make_openid_connection(ada, jwks_url="")
    provider.begin(connection, ada)
    assert provider.query["scope"] == "things.read"
    assert "nonce" not in provider.query


def test_a_person_who_leaves_openid_out_is_connected_without_an_identity(provider, openid, ada):
    provider.granted, provider.forge = "things.read", lambda claims: None
    finished = provider.connect(openid, ada)
    assert finished.missing_scopes == ("openid",)
    openid.refresh_from_db()
    assert (openid.status, openid.account_id) == ("connected", "")


def test_a_refused_token_of_a_reconnect_leaves_the_living_access_alone(provider, openid, ada):
    provider.connect(openid, ada)
    provider.forge = change(nonce="n" * 43)
    with pytest.raises(ConsentRefused):
        provider.connect(Connection.objects.get(), ada)
    openid.refresh_from_db()
    assert (openid.status, openid.account_id) == ("connected", f"{ISSUER}#user-1")
    assert openid.secret.versions.count() == 1


def test_a_token_of_an_earlier_consent_is_refused(provider, openid, ada):
    provider.begin(openid, ada)
    old = signed(dict(provider.whole))
    provider.forge = lambda claims: old
    callback = provider.begin(openid, ada)
    with pytest.raises(ConsentRefused) as caught:
        flow.finish(callback, user=ada, now=NOW, send=provider.send)
    assert caught.value.details["code"] == "nonce"


@pytest.mark.parametrize(
    ("iss", "ok"), [("", False), (ISSUER, True), (ISSUER + "/", False), ("https://e.example", False)]
)
def test_a_server_that_says_it_names_itself_in_the_callback_must(provider, ada, iss, ok):
    connection = make_openid_connection(ada, requires_iss=True)
    callback = provider.begin(connection, ada)
    brought = flow.Callback(state=callback.state, code="code-1", iss=iss, browser_secret=callback.browser_secret)
    if ok:
        assert flow.finish(brought, user=ada, now=NOW, send=provider.send).connection.status == "connected"
        return
    with pytest.raises(ConsentRefused, match="issuer_mismatch"):
        flow.finish(brought, user=ada, now=NOW, send=provider.send)


def test_no_log_line_holds_a_token(provider, openid, ada, caplog):
    provider.forge = change(nonce="n" * 43)
    with caplog.at_level("DEBUG"), pytest.raises(ConsentRefused):
        provider.connect(openid, ada)
    told = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert "id_token refused" in told
    assert "eyJ" not in told
    assert ACCESS not in told


@pytest.mark.parametrize(("email", "told"), [("other@acme.example", "other@acme.example"), (None, f"{ISSUER}#user-2")])
def test_both_accounts_are_told_apart_in_words_where_words_do(provider, openid, ada, email, told):
    provider.connect(openid, ada)
    openid.refresh_from_db()
    identity = Identity(ISSUER, "user-2", email=email or openid.account_name)
    named = both_named(openid, Account(identity.key, identity.label, {}, identity))
    assert named["chosen"] == told
    assert named["expected"] == ("office@acme.example" if email else f"{ISSUER}#user-1")
