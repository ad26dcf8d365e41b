"""A JWT names the key that signed it: a given id, a thumbprint, a certificate; each stored beside the key."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from joserfc.jwk import RSAKey

from integrations.connections import BadValue
from integrations.connections.granting import connect_app, connect_jwt
from integrations.oauth.app import make_app, replace_client_secret
from integrations.oauth.key_names import BadKeyName, beside
from integrations.oauth.refresh import access_token
from secrets_vault.actor import COMMAND
from secrets_vault.secret import Secret
from tests.integrations.oauth.machine_world import CLAIMS, Endpoint, make_machine, pem, read_jwt
from tests.integrations.oauth.world import NOW

pytestmark = pytest.mark.django_db


@cache
def certificate(*key_is, days: int = 365) -> str:
    """Return a certificate of the usual key, or of one of another kind."""
    key = load_pem_private_key(pem(*key_is).encode(), None)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "acme")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    made = made.not_valid_after(NOW + timedelta(days=days))
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


def prints(text):
    found = x509.load_pem_x509_certificate(text.encode())
    short = lambda how: urlsafe_b64encode(found.fingerprint(how)).rstrip(b"=").decode()  # noqa: E731
    return {"x5t": short(SHA1()), "x5t#S256": short(SHA256())}  # noqa: S303


def header_of_jwt(text, *, claims=None, **oauth):
    endpoint, connection = Endpoint(), make_machine("jwt_bearer", **oauth)
    connect_jwt(connection, Secret(text), claims or CLAIMS, actor=COMMAND, now=NOW)
    access_token(connection, now=NOW, send=endpoint)
    return read_jwt(endpoint.form["assertion"])[0]


def header_of_app(text, **oauth):
    endpoint = Endpoint()
    connection = make_machine("client_credentials", token_auth_method="private_key_jwt", **oauth)
    connection.oauth_app = make_app("Signing", connection.provider_key, client_id="the-app", client_secret=None,
                                    private_key=Secret(text), actor=COMMAND)  # fmt: skip
    connection.save()
    connect_app(connection, actor=COMMAND, now=NOW)
    access_token(connection, now=NOW, send=endpoint)
    return read_jwt(endpoint.form["client_assertion"])[0]


THUMBPRINT = RSAKey.import_key(pem()).thumbprint()
PLAIN = {"alg": "RS256", "typ": "JWT"}


@pytest.mark.parametrize("header_of", [header_of_jwt, header_of_app])
@pytest.mark.parametrize(
    ("key_id", "has_certificate", "named"),
    [("", False, {}), ("k-1", False, {"kid": "k-1"}), ("thumbprint", False, {"kid": THUMBPRINT}), ("", True, {}),
     ("k-1", True, {"kid": "k-1"})],
)  # fmt: skip
def test_the_header_names_the_key_as_the_person_said(header_of, key_id, has_certificate, named):
    shown = certificate() if has_certificate else ""
    found = header_of(beside(pem(), key_id=key_id, certificate=shown))
    expected = named | (prints(shown) if has_certificate else {})
    assert {name: found[name] for name in found if name not in PLAIN} == expected


def test_the_facts_may_ask_for_the_thumbprint():
    rule = {"assertion": {"alg": "key", "kid": "thumbprint"}}
    assert header_of_jwt(pem(), **rule)["kid"] == THUMBPRINT


def test_the_facts_may_ask_for_the_thumbprint_of_an_apps_key():
    assert header_of_app(pem(), app_kid="thumbprint")["kid"] == THUMBPRINT


def test_a_claim_may_be_the_thumbprint_too():
    assert header_of_jwt(pem(), claims=CLAIMS | {"kid": "thumbprint"})["kid"] == THUMBPRINT


def test_a_claim_goes_before_what_stands_beside_the_key():
    assert header_of_jwt(beside(pem(), key_id="beside"), claims=CLAIMS | {"kid": "claimed"})["kid"] == "claimed"


def test_a_certificate_may_come_first_and_its_end_is_remembered():
    connection = make_machine("jwt_bearer")
    stored = connect_jwt(connection, Secret(certificate() + pem()), CLAIMS, actor=COMMAND, now=NOW)
    assert stored.current.expires_at == NOW + timedelta(days=365)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (lambda: certificate("EC", "P-256"), "belongs to another key"),
        (lambda: certificate(days=-1), "has ended"),
        (lambda: certificate().replace("MII", "AAA", 1), "damaged"),
    ],
)
def test_a_certificate_that_is_not_the_keys_own_is_refused_without_quoting(shown, words):
    connection, text = make_machine("jwt_bearer"), pem() + shown()
    with pytest.raises(BadValue, match=words) as bad:
        connect_jwt(connection, Secret(text), CLAIMS, actor=COMMAND, now=NOW)
    assert bad.value.field == "certificate"
    assert pem().splitlines()[1] not in repr(bad.value)
    with pytest.raises(BadKeyName, match=words):
        make_app("Signing", connection.provider_key, client_id="a", client_secret=None, private_key=Secret(text),
                 actor=COMMAND)  # fmt: skip


@pytest.mark.parametrize("names", [{"key_id": "two words"}, {"key_id": "a\nb"}, {"certificate": pem()}])
def test_what_names_no_key_is_refused(names):
    with pytest.raises(BadKeyName):
        beside(pem(), **names)


def test_a_new_key_brings_its_own_name():
    key = make_machine("jwt_bearer").provider_key
    old, new = Secret(beside(pem(), key_id="old")), Secret(beside(pem("EC", "P-256"), key_id="new"))
    app = make_app("Signing", key, client_id="a", client_secret=None, private_key=old, actor=COMMAND)
    replace_client_secret(app, None, private_key=new, actor=COMMAND, now=NOW)
    assert app.secret.versions.count() == 2
