"""What vendors want of a JWT beside RFC 7523: in another field, made of the key, signed by themselves, from a file."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from datetime import timedelta
from hashlib import sha256

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from integrations.connections.credential import BadValue
from integrations.connections.granting import connect_jwt
from integrations.oauth.app import make_app
from integrations.oauth.held import read
from integrations.oauth.refresh import access_token
from integrations.providers.grant_facts import AssertionFacts, Claim
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent, StoredSecret
from secrets_vault.secret import Secret
from tests.integrations.oauth.machine_world import KEY, TOKEN_URL, Endpoint, make_machine, pem, read_jwt
from tests.integrations.oauth.world import NOW

pytestmark = pytest.mark.django_db


def signing(typed, key=None, /, *, with_app=False, **assertion):
    """Return a connection that signs as these facts say."""
    connection = make_machine("jwt_bearer", assertion=assertion)
    if with_app:
        app = make_app("App", KEY, client_id="the-app", client_secret=Secret("the-client-secret"), actor=COMMAND)
        connection.oauth_app = app
        connection.save()
    connect_jwt(connection, Secret(key or pem()), typed, actor=COMMAND, now=NOW)
    return connection


def asked(connection):
    """Return the form of the token request that this connection makes."""
    endpoint = Endpoint()
    access_token(connection, now=NOW, send=endpoint)
    return endpoint.form


def test_client_credentials_may_be_proven_by_the_jwt_alone():
    """Okta's service apps: `sub` repeats `iss`, the scope stands in the form."""
    claims = [{"name": "iss", "words": "Client id"}, {"name": "kid", "words": "Key id"}]
    form = asked(
        signing({"iss": "0oa1", "kid": "k-7"}, style="client", scope_in="form", made={"sub": "{iss}"}, claims=claims)
    )
    assert {name: form[name] for name in form if name != "client_assertion"} == {
        "grant_type": "client_credentials",
        "scope": "read write",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    found = jwt.decode(form["client_assertion"], RSAKey.import_key(pem()), algorithms=["RS256"])
    assert found.header["kid"] == "k-7"
    assert {name: found.claims[name] for name in ("iss", "sub", "aud")} == {
        "iss": "0oa1",
        "sub": "0oa1",
        "aud": TOKEN_URL,
    }
    assert "scope" not in found.claims


def test_the_scope_may_be_a_list_and_the_padding_another():
    """NetSuite: PS256, `scope` as a JSON array."""
    claims = [{"name": "iss", "words": "Client id"}, {"name": "kid", "words": "Certificate id"}]
    form = asked(signing({"iss": "c1", "kid": "cert-1"}, style="client", scope_in="list", alg="PS256", claims=claims))
    found = jwt.decode(form["client_assertion"], RSAKey.import_key(pem()), algorithms=["PS256"])
    assert (found.header["alg"], found.header["kid"], found.claims["scope"]) == ("PS256", "cert-1", ["read", "write"])


SNOWFLAKE = {
    "style": "token",
    "scope_in": "none",
    "lifetime_s": 3540,
    "made": {"iss": "{account}.{user}.{fingerprint}", "sub": "{account}.{user}"},
    "claims": [
        {"name": "account", "words": "Account", "is_part": True, "is_upper": True, "pattern": "[A-Z0-9-]+"},
        {"name": "user", "words": "User", "is_part": True, "is_upper": True},
    ],
}


def test_a_claim_may_be_made_of_others_and_of_the_keys_fingerprint():
    connection = signing({"account": "myorg-acme", "user": "robot"}, **SNOWFLAKE)
    claims = read_jwt(access_token(connection, now=NOW, send=Endpoint()).expose())[1]
    public = RSAKey.import_key(pem()).as_der(private=False)
    fingerprint = b64encode(sha256(public).digest()).decode()
    assert claims["iss"] == f"MYORG-ACME.ROBOT.SHA256:{fingerprint}"
    assert claims["sub"] == "MYORG-ACME.ROBOT"
    assert not {"account", "user"} & claims.keys()


def test_a_claim_of_another_form_is_refused_with_an_example():
    with pytest.raises(BadValue, match="does not look like it") as refused:
        signing({"account": "my org", "user": "robot"}, **SNOWFLAKE)
    assert refused.value.field == "account"


BOX = {
    "needs_app": True,
    "scope_in": "none",
    "lifetime_s": 45,
    "made": {"iss": "{client_id}"},
    "file": {"private_key": "app.auth.key", "passphrase": "app.auth.pass", "kid": "app.auth.id", "sub": "enterprise"},
    "claims": [
        {"name": "box_sub_type", "words": "Whose", "default": "enterprise", "pattern": "enterprise|user"},
        {"name": "sub", "words": "Id"},
        {"name": "kid", "words": "Key id"},
    ],
}


def box_file(passphrase="open sesame", told="open sesame"):
    locked = RSAKey.import_key(pem()).as_pem(private=True, password=passphrase).decode()
    return json.dumps({"app": {"auth": {"id": "k-1", "key": locked, "pass": told}}, "enterprise": "4711"})


def test_a_vendors_file_brings_key_passphrase_and_claims():
    connection = signing({}, box_file(), with_app=True, **BOX)
    form = asked(connection)
    assert (form["client_id"], form["client_secret"]) == ("the-app", "the-client-secret")
    header, claims = read_jwt(form["assertion"])
    assert header["kid"] == "k-1"
    assert (claims["iss"], claims["sub"], claims["box_sub_type"]) == ("the-app", "4711", "enterprise")
    assert claims["exp"] <= NOW.timestamp() + 60
    assert connection.claims == {"kid": "k-1", "sub": "4711", "box_sub_type": "enterprise"}


def test_a_passphrase_that_does_not_open_the_key_is_refused_without_either(caplog):
    with pytest.raises(BadValue, match="passphrase in the file") as refused:
        signing({}, box_file(told="wrong words"), with_app=True, **BOX)
    said = f"{refused.value} {refused.value.__cause__!r} {refused.value.__context__!r} {caplog.text}"
    assert "wrong words" not in said
    assert "PRIVATE" not in said
    assert not StoredSecret.objects.filter(kind="private_key").exists()


READY = {"key_encoding": "jwt", "needs_app": True, "scope_in": "none", "claims": []}


def made_jwt(**claims):
    parts = [{"alg": "RS256"}, {"sub": "62"} | claims]
    text = [urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*text, "ready-made-signature-0815"])


def test_a_jwt_that_the_provider_signed_is_sent_as_it_is_beside_the_app():
    text = made_jwt(exp=int((NOW + timedelta(days=90)).timestamp()))
    connection = signing({}, text, with_app=True, **READY)
    form = asked(connection)
    assert form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": text,
        "client_id": "the-app",
        "client_secret": "the-client-secret",
    }
    stored = read(connection.pk).grant_secret
    assert stored.current.expires_at == NOW + timedelta(days=90)
    assert stored.policy == {"hosts": ["id.vendor.example"], "slots": ["body:assertion"]}


def test_a_ready_made_jwt_stands_nowhere_but_in_the_vault(caplog):
    text = made_jwt()
    connection = signing({}, text, with_app=True, **READY)
    access_token(connection, now=NOW, send=Endpoint())
    endpoint = Endpoint(error="invalid_grant", error_description=f"no {text}")
    endpoint.status = 400
    refused = read(connection.pk).secret.current_id
    with pytest.raises(Exception) as error:
        access_token(connection, now=NOW + timedelta(hours=2), refused=refused, send=endpoint)
    book = " ".join(f"{row.__dict__}" for row in AuditEvent.objects.all())
    assert "ready-made-signature" not in f"{error.value!r} {caplog.text} {book} {read(connection.pk).__dict__}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not-a-jwt", "This is no JWT"),
        ("a.b", "This is no JWT"),
        ("a..c", "This is no JWT"),
        (pem(), "This is no JWT"),
        (made_jwt(exp=1_700_000_000), "has ended"),
    ],
)
def test_what_is_no_living_jwt_is_refused_when_it_is_pasted(text, said):
    with pytest.raises(BadValue, match=said):
        signing({}, text, with_app=True, **READY)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"made": {"sub": "{who}"}}, "there is no who"),
        ({"made": {"iss": "{sub}"}}, "asked for already"),
        ({"made": {"x": "{client_id}"}}, "there is no client_id"),
        ({"made": {"x": "{fingerprint}"}, "alg": "HS256", "key_encoding": "hex"}, "there is no fingerprint"),
        ({"claims": (Claim("a", "A", is_part=True),)}, "a part of nothing"),
        ({"file": {"iss": "client_email"}}, "private_key"),
        ({"key_encoding": "jwt"}, "sent as it is"),
        ({"key_encoding": "jwt", "claims": (), "scope_in": "none", "style": "bearer"}, "sent as it is"),
        ({"style": "query"}, "style"),
        ({"scope_in": "header"}, "scope_in"),
    ],
)
def test_facts_that_could_not_be_signed_are_refused(facts, said):
    with pytest.raises(ValueError, match=said):
        AssertionFacts(**facts)
