"""Who signs in by a JWT reads what became of their own held call, and of nobody else's."""

from __future__ import annotations

import json

import pytest

from integrations import tokens, trusted_issuers
from integrations.models import HeldCall, TrustedIssuer
from secrets_vault.actor import SYSTEM
from tests.integrations.gateway.conftest import make_connection
from tests.integrations.gateway.held.conftest import WISH, back, replay
from tests.integrations.gateway.test_signing_in import bearer, claims, code, terms
from tests.integrations.jwt.making import key_of, signed

pytestmark = pytest.mark.django_db(transaction=True)
MINE, THEIRS = "repo:acme/site:main", "repo:acme/site:other"
LONG = "repo:acme/site:" + "x" * 300


def jwt(subject=MINE, **changed):
    return bearer(signed(claims(sub=subject, **changed)))


@pytest.fixture
def trusted(away):
    trusted_issuers.trust(away.token, terms(), actor=SYSTEM)
    return away


def hold(world, headers, **options):
    answer = world.call(method="PUT", body=b"{}", headers=[*headers, WISH], **options)
    assert answer.status == 202, answer.body
    return answer.header("location")


def read(world, place, headers, *, method="GET"):
    slug, _, rest = place.removeprefix("/gateway/").partition("/")
    return world.call(f"/{rest}", slug=slug, method=method, headers=headers)


def test_the_same_subject_reads_its_call_and_its_answer(trusted):
    place = hold(trusted, jwt())
    answer = read(trusted, place, jwt())
    assert (answer.status, json.loads(answer.body)["state"]) == (200, "waiting")
    back(trusted)
    replay()
    assert json.loads(read(trusted, place, jwt()).body)["state"] == "sent"
    assert read(trusted, place + "/answer", jwt()).body == b"ok"
    assert HeldCall.objects.get().signer is not None


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize("end", ["", "/answer"])
def test_another_subject_reads_and_discards_nothing(trusted, method, end):
    place = hold(trusted, jwt())
    answer = read(trusted, place + end, jwt(THEIRS), method=method)
    assert answer.status == 404
    assert HeldCall.objects.get().state == HeldCall.State.WAITING


def test_subjects_that_differ_only_beyond_what_a_log_shows_are_two(trusted):
    place = hold(trusted, jwt(LONG + "a"))
    assert read(trusted, place, jwt(LONG + "a")).status == 200
    assert read(trusted, place, jwt(LONG + "b")).status == 404


def test_the_same_subject_of_another_issuer_is_another(trusted):
    trusted_issuers.trust(trusted.token, terms(issuer="https://other.example"), actor=SYSTEM)
    place = hold(trusted, jwt())
    assert code(read(trusted, place, jwt(iss="https://other.example"))) == "held_call_not_found"


def test_what_the_token_itself_made_no_jwt_reads_and_the_token_reads_all(trusted):
    own = [(b"authorization", b"Bearer " + trusted.text.encode())]
    by_token, by_jwt = hold(trusted, own), hold(trusted, jwt())
    assert code(read(trusted, by_token, jwt())) == "held_call_not_found"
    assert read(trusted, by_token, own).status == 200
    assert read(trusted, by_jwt, own).status == 200


def test_the_jwt_must_open_the_connection_of_the_call(trusted, upstream):
    place = hold(trusted, jwt())
    other = make_connection(trusted.client, upstream, "acme-other")
    tokens.change(trusted.token, actor=SYSTEM, connections=[other])
    assert code(read(trusted, place, jwt())) == "token_invalid"


def test_who_is_no_longer_trusted_reads_nothing(trusted):
    place = hold(trusted, jwt())
    trusted_issuers.end(TrustedIssuer.objects.get(), actor=SYSTEM)
    assert code(read(trusted, place, jwt())) == "token_invalid"


@pytest.mark.parametrize("end", ["", "0" * 32, "x"])
def test_a_call_that_is_not_there_opens_nothing(trusted, end):
    place = hold(trusted, jwt())
    answer = read(trusted, place[:-36] + end, jwt())
    assert answer.status in (401, 404)
    assert b"waiting" not in answer.body


def test_a_forged_jwt_learns_nothing_of_a_call(trusted):
    place = hold(trusted, jwt())
    forged = bearer(signed(claims(sub=MINE), key=key_of("RS256", "evil")))
    assert code(read(trusted, place, forged)) == "token_invalid"


def test_a_jwt_without_a_subject_is_nobody(away):
    trusted_issuers.trust(away.token, terms(claims={"team": "ops"}), actor=SYSTEM)
    place = hold(away, jwt(None, team="ops"))
    assert HeldCall.objects.get().signer is None
    assert code(read(away, place, jwt(None, team="ops"))) == "held_call_not_found"


def test_the_idempotency_keys_of_two_subjects_never_meet(trusted):
    key = (b"x-keylodge-idempotency-key", b"order-7")
    mine, again, theirs = (hold(trusted, [*jwt(who), key]) for who in (MINE, MINE, THEIRS))
    assert mine == again != theirs
