"""Ways in that need nobody's consent now: the app itself, a private key, tokens had before."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from integrations.models import Connection, CustomProvider
from integrations.oauth.app import make_app
from secrets_vault.actor import SYSTEM
from secrets_vault.models import StoredSecret
from secrets_vault.secret import Secret
from tests.integrations.oauth.machine_world import KEY, TOKEN_URL, pem, read_jwt, vendor_facts
from tests.proving import prove

pytestmark = pytest.mark.django_db
BODY = [line for line in pem().splitlines() if "-----" not in line]


@pytest.fixture
def vendor(acme, endpoint):
    oauth = {"authorize_url": "https://id.vendor.example/authorize", "grants":
             ["authorization_code", "client_credentials", "jwt_bearer"]}  # fmt: skip
    return CustomProvider.objects.create(key=KEY, name="Vendor", facts=vendor_facts(**oauth))


@pytest.fixture
def app(vendor):
    return make_app("Vendor app", KEY, client_id="the-app", client_secret=Secret("the-client-secret"), actor=SYSTEM)


def step(place, **more):
    return "/connections/new/?" + urlencode({"place": place.pk, "provider": KEY} | more)


def test_each_way_that_the_provider_has_is_offered(signed_in, production, vendor):
    page = signed_in.get(step(production)).content.decode()
    for words in ("Let the OAuth app in by itself", "Sign in with a private key", "Take over tokens I have"):
        assert words in page
    needing = re.findall(r'value="(\w+)" required disabled', page)
    assert needing == ["link", "now", "client_credentials", "import"]  # a private key needs no app


def test_the_app_is_let_in_by_itself(signed_in, production, app, endpoint):
    answer = signed_in.post(step(production, way="client_credentials"), {"label": "Billing", "draft": "d1"})
    connection = Connection.objects.get()
    assert answer.url == f"/connections/{connection.slug}/"
    assert (connection.kind, connection.status, connection.oauth_app) == ("client_credentials", "connected", app)
    assert endpoint.form["grant_type"] == "client_credentials"
    page = signed_in.get(answer.url).content.decode()
    assert "none is needed: a new access token can be asked for at any time" in page
    assert "at-1" not in page


def key_form(**more):
    return {"claim_iss": "robot@vendor.example", "is_age_unknown": "on", "private_key": pem(), "draft": "d"} | more


def test_a_pasted_key_signs_in(signed_in, production, vendor, endpoint):
    answer = signed_in.post(step(production, way="jwt_bearer"), key_form(scopes_text="read write"))
    connection = Connection.objects.get()
    assert answer.url == f"/connections/{connection.slug}/"
    assert (connection.kind, connection.status) == ("jwt_bearer", "connected")
    claims = read_jwt(endpoint.form["assertion"])[1]
    assert (claims["iss"], claims["aud"], claims["scope"]) == ("robot@vendor.example", TOKEN_URL, "read write")
    page = signed_in.get(answer.url).content.decode() + signed_in.get(f"{answer.url}credential/").content.decode()
    assert "The private key in the vault" in page
    assert not any(line in page for line in BODY)


def test_a_service_accounts_file_is_taken_as_it_was_downloaded(signed_in, production, vendor, endpoint):
    table = {"private_key": pem(), "client_email": "sheets@acme.example"}
    file = SimpleUploadedFile("key.json", json.dumps(table).encode())
    signed_in.post(step(production, way="jwt_bearer"), key_form(private_key="", claim_iss="", key_file=file))
    assert Connection.objects.get().claims == {"iss": "sheets@acme.example"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"private_key": "-----BEGIN PRIVATE KEY-----\nMIIE"}, "damaged or not whole"),
        ({"private_key": ""}, "Paste the key or choose its file"),
        ({"claim_iss": ""}, "Issuer (iss) is missing"),
        ({"scopes_text": "a\x01b"}, "is no scope"),
        ({"key_file": SimpleUploadedFile("key.pem", b"x" * 40_000), "private_key": ""}, "at most 32 KiB"),
        ({"key_file": SimpleUploadedFile("key.pem", b"\xff\xfe"), "private_key": ""}, "a text file"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_the_key_is_not_written_back(
    signed_in, production, vendor, endpoint, changes, words
):
    answer = signed_in.post(step(production, way="jwt_bearer"), key_form(**changes))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert "MIIE" not in page
    assert not any(line in page for line in BODY)
    assert not Connection.objects.exists()
    assert not StoredSecret.objects.filter(kind="private_key").exists()


def test_a_new_key_is_stored_and_tried_at_once(signed_in, production, vendor, endpoint):
    signed_in.post(step(production, way="jwt_bearer"), key_form())
    connection = Connection.objects.get()
    answer = signed_in.post(
        f"/connections/{connection.slug}/credential/",
        {"private_key": pem("EC", "P-256"), "claim_iss": "robot@vendor.example"},
    )
    assert answer.status_code == 302
    assert Connection.objects.get().grant_secret.versions.count() == 2
    wrong = signed_in.post(f"/connections/{connection.slug}/credential/", {"private_key": "x", "claim_iss": "a"})
    assert "This is no private key" in wrong.content.decode()


def test_tokens_had_before_are_taken_over_and_proven(signed_in, production, app, endpoint):
    form = {"refresh_token": "rt-1", "draft": "d"}
    signed_in.post(step(production, way="import"), form)
    connection = Connection.objects.get()
    assert (connection.kind, connection.status) == ("oauth2", "connected")
    assert (endpoint.form["grant_type"], endpoint.form["refresh_token"]) == ("refresh_token", "rt-1")
    none = signed_in.post(step(production, way="import"), {"draft": "e"})
    assert "Paste the refresh token" in none.content.decode()


def test_a_refused_key_says_what_to_check_and_can_be_tried_again(signed_in, production, vendor, endpoint):
    endpoint.status, endpoint.answer = 400, {"error": "invalid_grant"}
    signed_in.post(step(production, way="jwt_bearer"), key_form())
    connection = Connection.objects.get()
    page = signed_in.get(f"/connections/{connection.slug}/").content.decode()
    assert "Vendor gives no access token" in page
    assert "What came back: invalid_grant" in page
    endpoint.status, endpoint.answer = 200, {"access_token": "at-2", "expires_in": 60}
    signed_in.post(f"/connections/{connection.slug}/probe/")
    assert Connection.objects.get().status == "connected"


def test_a_viewer_and_a_stranger_store_no_key(browser_of, ben, cora, signed_in, production, vendor, endpoint):
    signed_in.post(step(production, way="jwt_bearer"), key_form())
    slug = Connection.objects.get().slug
    for person in (ben, cora):
        other = browser_of(person)
        prove(other)
        assert other.get(f"/connections/{slug}/credential/").status_code == 404
        other.post(step(production, way="jwt_bearer"), key_form(draft="x"))
    assert Connection.objects.count() == 1
