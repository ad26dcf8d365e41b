"""Tokens that nobody consents to: the OAuth app's own, and those that a signed JWT brings."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from integrations.connections.credential import BadValue
from integrations.connections.granting import connect_app, connect_jwt, import_tokens
from integrations.connections.probing import probe
from integrations.oauth.app import make_app
from integrations.oauth.due import refresh_due
from integrations.oauth.held import read
from integrations.oauth.refresh import access_token, refresh
from integrations.oauth.revoke import disconnect
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent, StoredSecret
from secrets_vault.secret import Secret
from tests.integrations.oauth.machine_world import CLAIMS, TOKEN_URL, Endpoint, make_machine, pem, read_jwt
from tests.integrations.oauth.world import NOW

pytestmark = pytest.mark.django_db


def by_app(**oauth):
    connection = make_machine("client_credentials", **oauth)
    connect_app(connection, actor=COMMAND, now=NOW)
    return connection


def by_key(claims=CLAIMS, key=None, **oauth):
    connection = make_machine("jwt_bearer", **oauth)
    connect_jwt(connection, Secret(key or pem()), claims, actor=COMMAND, now=NOW)
    return connection


def is_about(moment, wanted):
    """Tell whether two moments are one, but for the time that the test itself took."""
    return abs(moment - wanted) < timedelta(seconds=5)


def test_the_app_asks_for_itself_and_the_token_is_kept_as_a_version():
    endpoint, connection = Endpoint(), by_app()
    assert access_token(connection, now=NOW, send=endpoint).expose() == "at-1"
    assert endpoint.form == {
        "grant_type": "client_credentials",
        "client_id": "the-app",
        "client_secret": "the-client-secret",
        "scope": "read write",
    }
    row = read(connection.pk)
    assert (row.status, row.secret.kind, row.secret.current.number) == ("connected", "oauth_tokens", 1)
    assert is_about(row.access_expires_at, NOW + timedelta(hours=1))
    assert NOW + timedelta(minutes=40) < row.refresh_due_at < NOW + timedelta(minutes=50)


def test_a_living_token_is_not_asked_for_again_and_an_ended_one_is_replaced_ahead_of_time():
    endpoint, connection = Endpoint(), by_app()
    for minute in (0, 10, 30):
        access_token(connection, now=NOW + timedelta(minutes=minute), send=endpoint)
    assert len(endpoint.asked) == 1
    endpoint.answer["access_token"] = "at-2"
    assert refresh_due(now=NOW + timedelta(minutes=49), send=endpoint) == 1
    assert access_token(connection, now=NOW + timedelta(minutes=50), send=endpoint).expose() == "at-2"
    assert len(endpoint.asked) == 2


def test_a_token_that_the_upstream_refuses_is_asked_for_anew():
    endpoint, connection = Endpoint(), by_app()
    access_token(connection, now=NOW, send=endpoint)
    endpoint.answer["access_token"] = "at-2"
    refused = read(connection.pk).secret.current_id
    later = NOW + timedelta(minutes=5)
    assert access_token(connection, now=later, refused=refused, send=endpoint).expose() == "at-2"


def test_a_token_cut_off_twice_is_simply_asked_for_again():
    """Nothing is spent for it: unlike a refresh token, a lost answer costs nothing."""
    endpoint, connection = Endpoint(), by_app()

    def cut_off(*_, **__):
        raise KeyboardInterrupt

    for minutes in (0, 2, 4):
        with pytest.raises(KeyboardInterrupt):
            refresh(connection, now=NOW + timedelta(minutes=minutes), send=cut_off)
    assert access_token(connection, now=NOW + timedelta(minutes=6), send=endpoint).expose() == "at-1"


def test_the_providers_own_word_and_form_fields_are_sent():
    params = {"word": "account_credentials", "params": {"account_id": "A-1"}, "url": "https://id.vendor.example/other"}
    endpoint, connection = Endpoint(), by_app(client_credentials=params, token_auth_method="client_secret_basic")
    access_token(connection, now=NOW, send=endpoint)
    url, form, headers = endpoint.asked[0]
    assert url == "https://id.vendor.example/other"
    assert (form["grant_type"], form["account_id"]) == ("account_credentials", "A-1")
    assert "client_secret" not in form
    assert headers["Authorization"].startswith("Basic ")


def test_an_app_that_is_refused_says_so_once_on_the_app():
    endpoint, connection = Endpoint(error="invalid_client"), by_app()
    endpoint.status = 401
    result = probe(connection, actor=COMMAND, now=NOW, send=endpoint)
    assert (result.outcome, str(result)) == (
        "app_refused",
        "Vendor refuses the OAuth app. Check its client id and its secret or key.",
    )
    assert read(connection.pk).oauth_app.broken_code == "invalid_client"


def test_an_app_may_prove_itself_with_its_private_key():
    endpoint, connection = Endpoint(), make_machine("client_credentials", token_auth_method="private_key_jwt")
    connection.oauth_app = make_app("Signing", connection.provider_key, client_id="the-app", client_secret=None,
                                    private_key=Secret(pem()), actor=COMMAND)  # fmt: skip
    connection.save()
    connect_app(connection, actor=COMMAND, now=NOW)
    access_token(connection, now=NOW, send=endpoint)
    form = endpoint.form
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert "client_secret" not in form
    claims = jwt.decode(form["client_assertion"], RSAKey.import_key(pem()), algorithms=["RS256"]).claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("the-app", "the-app", TOKEN_URL)
    assert claims["iat"] <= NOW.timestamp() < claims["exp"]
    assert len(claims["jti"]) >= 16


def test_a_service_account_signs_and_its_key_goes_nowhere():
    endpoint, connection = Endpoint(), by_key()
    assert access_token(connection, now=NOW, send=endpoint).expose() == "at-1"
    url, form, headers = endpoint.asked[0]
    assert (url, form["grant_type"]) == (TOKEN_URL, "urn:ietf:params:oauth:grant-type:jwt-bearer")
    assert set(form) == {"grant_type", "assertion"}
    found = jwt.decode(form["assertion"], RSAKey.import_key(pem()), algorithms=["RS256"])
    assert found.header == {"alg": "RS256", "typ": "JWT"}
    assert {name: found.claims[name] for name in ("iss", "sub", "aud", "scope")} == CLAIMS | {
        "aud": TOKEN_URL,
        "scope": "read write",
    }
    assert "Authorization" not in headers
    assert "PRIVATE" not in json.dumps(endpoint.asked)


def test_the_times_of_a_jwt_bear_a_clock_that_is_a_minute_behind():
    endpoint, connection = Endpoint(), by_key()
    access_token(connection, now=NOW, send=endpoint)
    claims = read_jwt(endpoint.form["assertion"])[1]
    assert claims["iat"] == NOW.timestamp() - 60
    assert claims["exp"] == claims["iat"] + 300


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_wrong_clock_is_named_and_takes_no_grant_for_dead(hours):
    endpoint, connection = Endpoint(error="invalid_grant"), by_key()
    endpoint.status, endpoint.date = 400, NOW + timedelta(hours=hours)
    result = probe(connection, actor=COMMAND, now=NOW, send=endpoint)
    assert result.outcome == "clock_off"
    assert "Set the clock right." in str(result)
    assert read(connection.pk).status == "untested"


def test_a_grant_that_is_refused_waits_for_a_person_and_is_tried_again_when_one_asks():
    endpoint, connection = Endpoint(error="invalid_grant"), by_key()
    endpoint.status = 400
    assert probe(connection, actor=COMMAND, now=NOW, send=endpoint).outcome == "grant_refused"
    assert read(connection.pk).status == "needs_reconnecting"
    assert refresh_due(now=NOW + timedelta(days=1), send=endpoint) == 0
    endpoint.status, endpoint.answer = 200, {"access_token": "at-9", "expires_in": 60}
    assert probe(connection, actor=COMMAND, now=NOW + timedelta(hours=1), send=endpoint).outcome == "works"
    assert read(connection.pk).status == "connected"


def test_googles_service_account_file_is_taken_as_it_is():
    table = {"type": "service_account", "private_key_id": "kid-1", "private_key": pem(),
             "client_email": "sheets@acme.example", "token_uri": "https://evil.example/token"}  # fmt: skip
    endpoint, connection = Endpoint(), by_key(claims={"sub": "jo@acme.example"}, key=json.dumps(table))
    access_token(connection, now=NOW, send=endpoint)
    header, claims = read_jwt(endpoint.form["assertion"])
    assert (header["kid"], claims["iss"], claims["sub"]) == ("kid-1", "sheets@acme.example", "jo@acme.example")
    assert [url for url, _, _ in endpoint.asked] == [TOKEN_URL]


def test_a_github_app_gets_an_installations_token_with_its_jwt_as_bearer():
    signed = {
        "style": "bearer",
        "url": "https://api.vendor.example/app/installations/{installation_id}/access_tokens",
        "token_at": "token",
        "lifetime_s": 600,
        "scope_in": "none",
        "claims": [{"name": "iss", "words": "App ID"}, {"name": "installation_id", "words": "Installation ID"}],
    }
    moment = (NOW + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    endpoint = Endpoint(access_token=None, token="ghs_1", expires_at=moment, expires_in=None)
    connection = by_key(claims={"iss": "12345", "installation_id": "678"}, assertion=signed)
    assert access_token(connection, now=NOW, send=endpoint).expose() == "ghs_1"
    url, form, headers = endpoint.asked[0]
    assert (url, form) == ("https://api.vendor.example/app/installations/678/access_tokens", {})
    claims = read_jwt(headers["Authorization"].removeprefix("Bearer "))[1]
    assert claims["iss"] == "12345"
    assert "installation_id" not in claims
    assert is_about(read(connection.pk).access_expires_at, NOW + timedelta(hours=1))


def test_a_jwt_can_be_the_token_itself():
    signed = {"style": "token", "alg": "HS256", "key_encoding": "hex", "audience": "/admin/", "claims": []}
    endpoint, connection = Endpoint(), by_key(claims={}, key="abc123:" + "0f" * 32, assertion=signed)
    header, claims = read_jwt(access_token(connection, now=NOW, send=endpoint).expose())
    assert (header["kid"], header["alg"], claims["aud"]) == ("abc123", "HS256", "/admin/")
    assert endpoint.asked == []
    assert is_about(read(connection.pk).access_expires_at, NOW + timedelta(seconds=240))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("nonsense", "This is no private key"),
        ("{", "begins like a JSON file"),
        ('{"web": {"client_id": "x"}}', "has no private_key"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "damaged or not whole"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "damaged or not whole"),
        ("-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----", "certificate or a public key"),
        ("-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", "certificate or a public key"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMI\n-----END ENCRYPTED PRIVATE KEY-----", "locked with a passphrase"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----", "SSH key in a form of its"),
        ("x" * 40_000, "too long"),
    ],
)  # fmt: skip
def test_a_key_that_is_none_is_refused_in_plain_words_and_never_quoted(key, words):
    with pytest.raises(BadValue) as refused:
        by_key(key=key)
    assert words in str(refused.value)
    assert "MIIE" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert not StoredSecret.objects.filter(kind="private_key").exists()


@pytest.mark.parametrize(
    ("kind", "size", "alg", "words"),
    [
        ("RSA", 1024, "RS256", "has 1024 bits and is too short"),
        ("EC", "P-256", "RS256", "RS256 wants a key of the kind RSA, and this one is of the kind EC"),
        ("RSA", 2048, "ES256", "ES256 wants a key of the kind EC, and this one is of the kind RSA"),
        ("EC", "P-384", "ES256", "wants a key on the curve P-256, and this one is on P-384"),
        ("EC", "secp256k1", "key", "wants a key on the curve P-256, P-384, P-521, and this one is on secp256k1"),
        ("EC", "brainpoolP256r1", "ES256", "wants a key on the curve P-256, and this one is on brainpoolP256r1"),
        ("EC", "brainpoolP256r1", "key", "P-521, and this one is on brainpoolP256r1"),
        ("OKP", "X25519", "key", "EdDSA wants a key of the kind Ed25519, and this one is of the kind X25519"),
    ],
)
def test_a_key_of_another_kind_or_too_short_is_refused(kind, size, alg, words):
    with pytest.raises(BadValue, match=words):
        by_key(key=pem(kind, size), assertion={"alg": alg})


@pytest.mark.parametrize(
    ("kind", "size", "alg"), [("EC", "P-256", "ES256"), ("OKP", "Ed25519", "EdDSA"), ("RSA", 2048, "RS256")]
)
def test_the_kind_of_the_key_decides_where_the_facts_leave_it_open(kind, size, alg):
    endpoint, connection = Endpoint(), by_key(key=pem(kind, size))
    access_token(connection, now=NOW, send=endpoint)
    assert read_jwt(endpoint.form["assertion"])[0]["alg"] == alg


@pytest.mark.parametrize(
    ("claims", "field"),
    [
        ({"sub": "x"}, "iss"),
        (CLAIMS | {"exp": "1"}, "exp"),
        (CLAIMS | {"iat": "1"}, "iat"),
        (CLAIMS | {"x": "a\nb"}, "x"),
    ],
)
def test_claims_that_are_missing_or_ours_are_refused_by_name(claims, field):
    with pytest.raises(BadValue) as refused:
        by_key(claims=claims)
    assert refused.value.field == field


def test_a_new_key_is_a_new_version_and_the_same_one_is_not():
    connection = by_key()
    connect_jwt(read(connection.pk), Secret(pem()), CLAIMS, actor=COMMAND, now=NOW)
    assert read(connection.pk).grant_secret.versions.count() == 1
    connect_jwt(read(connection.pk), Secret(pem("EC", "P-256")), CLAIMS, actor=COMMAND, now=NOW)
    assert read(connection.pk).grant_secret.versions.count() == 2


def test_disconnecting_says_that_the_key_still_works_there():
    endpoint, connection = Endpoint(), by_key()
    access_token(connection, now=NOW, send=endpoint)
    outcome = disconnect(read(connection.pk), actor=COMMAND, now=NOW, send=endpoint)
    assert not outcome.done
    assert "still works at the provider until you delete it there" in outcome.sentence
    row = read(connection.pk)
    assert (row.secret, row.grant_secret, row.status) == (None, None, "not_connected")
    assert StoredSecret.objects.get(kind="private_key").deleted_at is not None


def test_no_key_token_or_assertion_is_in_the_book_or_in_a_log(caplog):
    endpoint, connection = Endpoint(access_token="CANARY-AT"), by_key()
    caplog.set_level(0)
    probe(connection, actor=COMMAND, now=NOW, send=endpoint)
    endpoint.status, endpoint.answer = 400, {"error": "invalid_grant", "error_description": endpoint.form["assertion"]}
    probe(connection, actor=COMMAND, now=NOW + timedelta(hours=2), send=endpoint)
    told = caplog.text + json.dumps(list(AuditEvent.objects.values()), default=str)
    lines = [line for line in pem().splitlines() if "-----" not in line]
    assert not any(secret in told for secret in ["CANARY-AT", endpoint.form["assertion"], *lines])


def imported(connection, **tokens):
    import_tokens(connection, actor=COMMAND, now=NOW, **tokens)
    return probe(read(connection.pk), actor=COMMAND, now=NOW)


def test_a_refresh_token_had_elsewhere_is_taken_over_and_proven_by_one_refresh(connection, sandbox, reachable):
    token = sandbox.exchange().json
    result = imported(connection, refresh_token=Secret(token["refresh_token"]), access_token=None)
    assert result.outcome == "works"
    row = read(connection.pk)
    assert (row.status, row.secret.current.number) == ("connected", 2)
    assert row.access_expires_at > NOW


def test_an_access_token_had_elsewhere_is_used_until_it_is_refused(connection, sandbox, reachable):
    token = sandbox.exchange().json
    both = {"refresh_token": Secret(token["refresh_token"]), "access_token": Secret(token["access_token"])}
    assert imported(connection, **both).outcome == "works"
    assert read(connection.pk).secret.current.number == 1


def test_a_dead_refresh_token_is_said_to_be_dead(connection, reachable):
    assert imported(connection, refresh_token=Secret("na1-dead"), access_token=None).outcome == "needs_reconnecting"
    assert read(connection.pk).status == "needs_reconnecting"
