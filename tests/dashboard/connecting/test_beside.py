"""A value that goes beside a token: asked for in each way in, kept apart from the token, replaced on its own."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from integrations.beside import store_beside
from integrations.connections import probing
from integrations.models import Connection, CustomProvider
from integrations.oauth.app import make_app
from integrations.oauth.keeping import provider_of
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.integrations.oauth.machine_world import KEY, pem, vendor_facts

pytestmark = pytest.mark.django_db
DEVELOPER = "dev-CANARY-0123456789"
SECOND = "dev-CANARY-9876543210"


@pytest.fixture
def vendor(acme, endpoint):
    oauth = {"authorize_url": "https://id.vendor.example/authorize", "grants": ["authorization_code", "jwt_bearer"]}
    facts = vendor_facts(**oauth)
    place = {"in": "header", "name": "developer-token", "template": "{developer_token}"}
    facts["injections"] = {"oauth2": {**facts["injections"]["oauth2"], "more": [place]}}
    kinds = ["oauth2", "jwt_bearer"]
    facts["credential_fields"] = [{"name": "developer_token", "words": "Developer token", "kinds": kinds}]
    return CustomProvider.objects.create(key=KEY, name="Vendor", facts=facts)


@pytest.fixture
def app(vendor):
    return make_app("Vendor app", KEY, client_id="the-app", client_secret=Secret("the-client-secret"), actor=SYSTEM)


def step(place, **more):
    return "/connections/new/?" + urlencode({"place": place.pk, "provider": KEY} | more)


@pytest.mark.parametrize("way", ["now", "link", "import", "jwt_bearer"])
def test_each_way_in_asks_for_it_and_never_shows_it_again(signed_in, production, app, way):
    page = signed_in.get(step(production, way=way)).content.decode()
    assert "Developer token" in page
    refused = signed_in.post(step(production, way=way), {"value_developer_token": "two\nlines", "days": "3"})
    assert refused.status_code == 422
    assert "two\nlines" not in refused.content.decode()
    assert not Connection.objects.exists()


def test_it_is_kept_apart_and_sent_with_the_first_test(signed_in, production, vendor, endpoint):
    form = {"value_developer_token": DEVELOPER, "private_key": pem(), "claim_iss": "robot", "is_age_unknown": "on"}
    answer = signed_in.post(step(production, way="jwt_bearer"), form)
    assert answer.status_code == 302
    row = Connection.objects.get()
    assert vault.use(row.beside_secret, actor=SYSTEM, purpose="test")["developer_token"].expose() == DEVELOPER
    assert row.beside_secret.policy == {"hosts": ["api.vendor.example"], "slots": ["header:developer-token"]}
    assert row.secret_id != row.beside_secret_id
    assert endpoint.probed[0]["developer-token"] == DEVELOPER
    assert endpoint.probed[0]["authorization"] == "Bearer at-1"
    page = signed_in.get(answer["Location"]).content.decode()
    assert "Each call carries beside the token: Developer token." in page
    assert DEVELOPER not in page + " ".join(f"{event.__dict__}" for event in AuditEvent.objects.all())


def test_a_value_that_could_not_stand_in_a_header_makes_no_connection(signed_in, production, app):
    form = {"value_developer_token": "tok\u20acn", "refresh_token": "rt-1"}
    refused = signed_in.post(step(production, way="import"), form)
    assert refused.status_code == 422
    assert "cannot stand in a header" in refused.content.decode()
    assert not Connection.objects.exists()


@pytest.fixture
def signed(production, vendor):
    row = Connection.objects.create(
        slug="acme-vendor", client=production.client, environment=production, provider_key=KEY, kind="oauth2"
    )
    stored = vault.store(
        actor=SYSTEM, client=row.client, environment=production, kind="oauth_tokens", label="tokens",
        fields={"access_token": Secret("at-7")},
        policy=vault.Policy(("api.vendor.example",), ("header:authorization", "header:developer-token")),
    )  # fmt: skip
    row.secret, row.status = stored, "untested"
    row.save()
    return row


def test_without_it_nothing_is_tried_and_the_page_says_what_is_missing(signed_in, signed, endpoint):
    assert probing.probe(signed, actor=SYSTEM).outcome == "lacks_beside"
    assert endpoint.probed == []
    page = signed_in.get("/connections/acme-vendor/").content.decode()
    assert "Not stored yet" in page
    assert "/connections/acme-vendor/credential/?what=beside" in page


def test_another_one_is_stored_on_its_page_and_tried(signed_in, signed, endpoint):
    store_beside(signed, provider_of(signed), {"developer_token": Secret(DEVELOPER)}, actor=SYSTEM)
    page = signed_in.get("/connections/acme-vendor/credential/?what=beside").content.decode()
    assert "What goes beside the token" in page
    answer = signed_in.post("/connections/acme-vendor/credential/?what=beside", {"developer_token": SECOND})
    assert answer.status_code == 302
    assert endpoint.probed[-1]["developer-token"] == SECOND
    signed.refresh_from_db()
    assert signed.beside_secret.current.number == 2
