"""What else of a leaving client gives access: keys that sign, apps that ask for themselves, trusted issuers, feeds."""

from __future__ import annotations

import pytest

from integrations import offboarding, trusted_issuers
from integrations.calendar.feeds import find_feed, make_feed
from integrations.connections.granting import connect_app, connect_jwt
from integrations.models import CalendarFeed, TrustedIssuer
from integrations.oauth.refresh import refresh
from integrations.trusted_issuers import Terms
from secrets_vault.actor import Actor
from secrets_vault.models import AuditEvent, StoredSecret
from secrets_vault.secret import Secret
from tests.integrations.oauth.machine_world import CLAIMS, Endpoint, make_machine, pem
from tests.integrations.offboarding.conftest import NOW, furnish, unreachable

pytestmark = pytest.mark.django_db
GITHUB = "https://token.actions.githubusercontent.com"
TRUSTED = Terms(
    issuer=GITHUB, audience="keylodge", algs=["RS256"], claims={"sub": "repo:acme/site:*"}, jwks_url=f"{GITHUB}/jwks"
)


def leaving(client, ada, *, send):
    """Return the off-boarding of a client in which every access was ended."""
    made = offboarding.begin(client, actor=Actor.of(ada), now=NOW)
    offboarding.start_revoking(made, actor=Actor.of(ada), now=NOW)
    offboarding.revoke_due(now=NOW, send=send)
    return made


def signing(**oauth):
    """Return a connection that signs with a private key and has a token, its endpoint, and its client."""
    made, endpoint = make_machine("jwt_bearer", **oauth), Endpoint()
    endpoint.date = NOW
    connect_jwt(made, Secret(pem()), CLAIMS, actor=Actor(kind="command"), now=NOW)
    made.refresh_from_db()
    refresh(made, now=NOW, send=endpoint)
    made.refresh_from_db()
    return made, endpoint, made.client


def test_a_private_key_is_listed_by_its_own_fingerprint_and_its_token_is_destroyed(ada):
    made, endpoint, client = signing()
    token = made.secret
    item = leaving(client, ada, send=endpoint).items.get(kind="key")
    assert (item.object_id, item.outcome, item.code) == (made.pk, "by_hand", "key_lives")
    assert len(item.fingerprints) == 1
    made.refresh_from_db()
    assert (made.secret, made.refresh_due_at, made.probe_due_at) == (None, None, None)
    assert made.grant_secret is not None, "it is needed to prove that it is dead"
    assert StoredSecret.objects.get(pk=token.pk).current is None


@pytest.mark.parametrize(("status", "outcome"), [(200, "still_works"), (400, "dead"), (503, "by_hand")])
def test_a_private_key_is_dead_when_it_is_given_no_token_any_more(ada, status, outcome):
    _made, endpoint, client = signing()
    item = leaving(client, ada, send=endpoint).items.get(kind="key")
    endpoint.status, asked = status, len(endpoint.asked)
    if status == 400:
        endpoint.answer = {"error": "invalid_grant"}
    assert offboarding.check_item(item, actor=Actor.of(ada), now=NOW, send=endpoint) == outcome
    assert len(endpoint.asked) == asked + 1


@pytest.mark.parametrize(("status", "outcome"), [(200, "still_works"), (401, "dead"), (500, "by_hand")])
def test_a_key_whose_jwt_is_the_credential_is_tried_at_the_api(ada, status, outcome):
    _made, endpoint, client = signing(assertion={"style": "token"})
    item = leaving(client, ada, send=endpoint).items.get(kind="key")
    endpoint.probe_status = status
    assert offboarding.check_item(item, actor=Actor.of(ada), now=NOW, send=endpoint) == outcome


def test_an_app_that_asks_for_itself_is_listed_before_it_ever_did_and_its_refusal_proves_its_end(ada):
    made, endpoint = make_machine("client_credentials"), Endpoint()
    connect_app(made, actor=Actor.of(ada), now=NOW)
    item = leaving(made.client, ada, send=endpoint).items.get(kind="key")
    assert item.outcome == "by_hand"
    assert offboarding.check_item(item, actor=Actor.of(ada), now=NOW, send=unreachable) == "by_hand"
    assert offboarding.check_item(item, actor=Actor.of(ada), now=NOW, send=endpoint) == "still_works"
    endpoint.status, endpoint.answer = 401, {"error": "invalid_client"}
    assert offboarding.check_item(item, actor=Actor.of(ada), now=NOW, send=endpoint) == "dead"


def test_issuers_and_feeds_are_counted_ended_and_certified(acme, ada):
    about = {"actor": Actor.of(ada)}
    trusted_issuers.trust(acme.gateway_tokens.get(), TRUSTED, **about)
    token = make_feed(client=acme, **about).rpartition("/")[2].removesuffix(".ics")
    mine = make_feed(user=ada, **about).rpartition("/")[2].removesuffix(".ics")
    found = offboarding.inventory_of(acme, now=NOW)
    assert (found.issuers, found.feeds) == (1, 1)
    made = leaving(acme, ada, send=unreachable)
    assert [item.outcome for item in made.items.filter(kind__in=("issuer", "feed"))] == ["revoked", "revoked"]
    assert not TrustedIssuer.objects.exists()
    assert find_feed(token) is None
    assert find_feed(mine) is not None
    assert AuditEvent.objects.filter(action__in=("token.issuer_removed", "calendar.ended")).count() == 2
    offboarding.ask_to_shred(made, typed_name="Acme Ltd", is_at_once=True, actor=Actor.of(ada), now=NOW)
    assert offboarding.carry_on(now=NOW) == 1
    made.refresh_from_db()
    ended = {row["kind"]: row["what"] for row in made.certificate["ended"]}
    assert (ended["issuer"], ended["feed"]) == (f"n8n: {GITHUB}", "Acme Ltd")


def test_what_others_trust_and_read_stays(acme, beta, ada):
    for client in (acme, beta):
        trusted_issuers.trust(client.gateway_tokens.get(), TRUSTED, actor=Actor.of(ada))
        make_feed(client=client, actor=Actor.of(ada))
    leaving(acme, ada, send=unreachable)
    assert TrustedIssuer.objects.get().token.client == beta
    assert CalendarFeed.objects.get().client == beta


def test_no_private_key_is_in_the_list_the_certificate_or_the_book(ada, caplog):
    _made, endpoint, client = signing()
    furnish(client, ada)
    made = leaving(client, ada, send=endpoint)
    offboarding.ask_to_shred(made, typed_name=client.name, is_at_once=True, actor=Actor.of(ada), now=NOW)
    assert offboarding.carry_on(now=NOW) == 1
    made.refresh_from_db()
    told = "".join(map(str, AuditEvent.objects.values_list())) + str(made.certificate) + caplog.text
    assert "offboarding.done" in told
    for line in [*pem().splitlines()[1:3], "at-1"]:
        assert line not in told
