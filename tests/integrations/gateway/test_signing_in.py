"""A JWT in place of a gateway token: what opens, and every way in which it must not."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from integrations import tokens, trusted_issuers
from integrations.gateway.key_sets import FLOOR_S, STALE_S, KeySets
from integrations.gateway.problems import Problem
from integrations.gateway.signing_in import matches
from integrations.jwt.fetching import KeysNotFetched
from integrations.jwt.keys import public_keys
from integrations.jwt.parts import cut
from integrations.models import TrustedIssuer
from integrations.trusted_issuers import BadIssuer, Terms, trust
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from tests.factories import make_client
from tests.integrations.gateway.conftest import make_connection
from tests.integrations.jwt.making import jwks, key_of, part, signed

pytestmark = pytest.mark.django_db(transaction=True)
ISSUER, AUDIENCE, SUBJECT = "https://ci.example", "https://keys.example.com", "repo:acme/site:ref:refs/heads/main"
TERMS = {"issuer": ISSUER, "audience": AUDIENCE, "algs": ["RS256"], "claims": {"sub": "repo:acme/site:*"}}


def claims(**changed):
    now = int(time.time())
    whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "iat": now - 5, "exp": now + 300} | changed
    return {name: _at(value, now) for name, value in whole.items() if value is not None}


def _at(value, now):
    """Times are said from the moment of the test on: tests are collected long before they run."""
    return now + int(value.total_seconds()) if isinstance(value, timedelta) else value


def terms(**changed):
    return Terms(**({"keys_text": json.dumps(jwks())} | TERMS | changed))


@pytest.fixture
def trusted(world):
    return trust(world.token, terms(), actor=SYSTEM)


def bearer(token):
    return [(b"authorization", b"Bearer " + token.encode())]


def code(answer):
    return json.loads(answer.body)["code"]


def test_a_jwt_opens_what_its_gateway_token_opens_and_goes_no_further(world, trusted):
    token = signed(claims())
    assert world.call(headers=bearer(token)).status == 200
    (call,) = world.calls()
    assert call.token_id == world.token.pk
    assert (call.token_name, call.jwt_issuer, call.jwt_subject) == (world.token.name, ISSUER, SUBJECT)
    assert token.rpartition(".")[2].encode() not in world.upstream.requests[-1]
    assert token.rpartition(".")[2] not in f"{call.request_head}{call.path}"


@pytest.mark.parametrize(
    ("changed", "options"),
    [
        ({"aud": [AUDIENCE, "other"]}, {}),
        ({"iat": None}, {}),
        ({"exp": timedelta(seconds=-5)}, {}),
        ({}, {"jku": "https://evil.example", "x5u": "https://evil.example"}),
        ({}, {"jwk": key_of("RS256", "evil").as_dict(private=False)}),
        ({}, {"typ": "at+jwt"}),
    ],
    ids=["aud list", "no iat", "within leeway", "addresses are ignored", "its own key is ignored", "access token"],
)
def test_what_is_right_is_let_in(world, trusted, changed, options):
    assert world.call(headers=bearer(signed(claims(**changed), **options))).status == 200


PEM = key_of("RS256").as_pem(private=False)


@pytest.mark.parametrize(
    ("changed", "options"),
    [
        ({}, {"alg": "none"}),
        ({}, {"alg": "HS256", "key": PEM}),
        ({}, {"alg": "RS512"}),
        ({}, {"alg": "PS256"}),
        ({}, {"key": key_of("RS256", "evil")}),
        ({}, {"key": key_of("RS256", "evil"), "jwk": key_of("RS256", "evil").as_dict(private=False)}),
        ({}, {"kid": "k2"}),
        ({}, {"kid": "../../../../dev/null"}),
        ({}, {"kid": "x' OR '1'='1"}),
        ({}, {"kid": 7}),
        ({}, {"crit": ["exp"]}),
        ({}, {"b64": False}),
        ({}, {"typ": "logout+jwt"}),
        ({"exp": None}, {}),
        ({"exp": timedelta(seconds=-120)}, {}),
        ({"exp": timedelta(seconds=2 * 86_400)}, {}),
        ({"iat": timedelta(seconds=-86_400), "exp": timedelta(seconds=7200)}, {}),
        ({"exp": "never"}, {}),
        ({"exp": True}, {}),
        ({"iat": timedelta(seconds=600)}, {}),
        ({"nbf": timedelta(seconds=600)}, {}),
        ({"nbf": "now"}, {}),
        ({"aud": None}, {}),
        ({"aud": "other"}, {}),
        ({"aud": [AUDIENCE, 3]}, {}),
        ({"aud": []}, {}),
        ({"iss": "https://other.example"}, {}),
        ({"iss": None}, {}),
        ({"iss": "https://ci.example\ud800"}, {}),
        ({"sub": "repo:evil/site:x"}, {}),
        ({"sub": ["repo:acme/site:x"]}, {}),
        ({"sub": None}, {}),
        ({"fat": "x" * 9000}, {}),
    ],
)
def test_what_is_forged_or_spent_is_refused(world, trusted, changed, options):
    token = signed(claims(**changed), **options)
    answer = world.call(headers=bearer(token))
    assert (answer.status, code(answer)) == (401, "token_invalid")
    assert world.upstream.requests == []
    assert token.encode() not in answer.body


def test_a_name_said_twice_is_refused(world, trusted):
    twice = json.dumps(claims()).replace("{", '{"sub": "repo:evil/site", ', 1).encode()
    assert code(world.call(headers=bearer(signed(twice)))) == "token_invalid"


def test_a_changed_token_is_refused_though_the_right_one_was_just_believed(world, trusted):
    token = signed(claims())
    head, _, signature = token.split(".")
    forged = f"{head}.{part(claims(sub='repo:acme/site:forged'))}.{signature}"

    async def story(gateway):
        first = await world.ask(gateway, headers=bearer(token))
        again = await world.ask(gateway, headers=bearer(token))
        return first.status, again.status, (await world.ask(gateway, headers=bearer(forged))).status

    assert world.run(story) == (200, 200, 401), "a token may be used again until it expires; another may not be made"


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        ([(b"authorization", b"Bearer {token}")], "token_ambiguous"),
        ([(b"authorization", b"Basic YTpi")], "token_ambiguous"),
        ([(b"x-keylodge-token", b"{token}")], "token_ambiguous"),
    ],
)
def test_two_are_none(world, trusted, extra, wanted):
    token = signed(claims()).encode()
    headers = bearer(token.decode()) + [(name, value.replace(b"{token}", token)) for name, value in extra]
    assert code(world.call(headers=headers)) == wanted
    assert world.upstream.requests == []


@pytest.mark.parametrize("name", [b"x-api-key", b"cookie"])
def test_where_the_providers_own_key_goes_a_jwt_is_none_of_ours(world, trusted, name):
    assert code(world.call(headers=[(name, signed(claims()).encode())])) == "token_missing"
    assert code(world.call(headers=[], query=b"token=" + signed(claims()).encode())) == "token_missing"


@pytest.mark.parametrize("how", ["revoked", "issuer ended", "claims changed", "connection taken"])
def test_what_ended_holds_from_the_next_call(world, trusted, how):
    token = signed(claims())

    def ends():
        if how == "revoked":
            tokens.revoke(world.token, actor=SYSTEM, now=datetime.now(UTC))
        elif how == "issuer ended":
            trusted_issuers.end(trusted, actor=SYSTEM)
        elif how == "claims changed":
            trusted_issuers.change(trusted, terms(claims={"sub": "repo:acme/other"}), actor=SYSTEM)
        else:
            other = make_connection(world.client, world.upstream, "acme-other")
            tokens.change(world.token, actor=SYSTEM, connections=[other])

    async def story(gateway):
        before = (await world.ask(gateway, headers=bearer(token))).status
        await gateway.lookup.in_thread(ends)
        return before, (await world.ask(gateway, headers=bearer(token))).status

    assert world.run(story) == (200, 401)


def test_another_clients_connection_is_not_opened(world, trusted):
    other = make_connection(make_client("umbrella"), world.upstream, "umbrella-fake")
    assert code(world.call(headers=bearer(signed(claims())), slug=other.slug)) == "token_invalid"


def test_a_jwt_that_two_gateway_tokens_trust_opens_neither(world, trusted):
    second, _ = tokens.make(world.client, "second", [world.connection], actor=SYSTEM)
    trust(second, terms(), actor=SYSTEM)
    assert code(world.call(headers=bearer(signed(claims())))) == "token_ambiguous"


def test_the_tokens_own_limits_hold(world, trusted):
    tokens.change(world.token, actor=SYSTEM, methods=["GET"])
    answer = world.call(headers=bearer(signed(claims())), method="POST", body=b"{}")
    assert code(answer) == "not_allowed"


# Key sets, without a database


class Issuer:
    """An issuer whose keys change or go away, and a clock that the test moves."""

    def __init__(self):
        self.keys, self.asked, self.now = public_keys(json.dumps(jwks())), 0, 1000.0

    def fetch(self, url):
        self.asked += 1
        if self.keys is None:
            raise KeysNotFetched("status")
        return self.keys

    def asks(self, *tokens_):
        """Return what each token was told, in a story of its own."""

        async def story():
            sets = KeySets(fetch=self.fetch, clock=lambda: self.now)
            told = []
            for wait_s, token, change in tokens_:
                self.now += wait_s
                if change:
                    change()
                try:
                    told.append(len(await sets.keys_for(cut(token), "https://ci.example/keys")))
                except Problem as problem:
                    told.append(problem.code)
            sets.close()
            return told

        return asyncio.run(story())


def gone(issuer):
    return lambda: setattr(issuer, "keys", None)


def test_keys_are_fetched_once_and_again_for_an_unknown_id_but_not_at_a_strangers_word():
    issuer, good, strange = Issuer(), signed(claims()), signed(claims(), kid="k9")
    assert issuer.asks((0, good, None), (1, good, None)) == [1, 1]
    assert issuer.asked == 1
    issuer.asked = 0
    issuer.asks((0, good, None), *[(0.1, strange, None)] * 50)
    assert issuer.asked == 1
    issuer.asked = 0
    issuer.asks((0, good, None), (FLOOR_S + 1, strange, None), *[(0.1, strange, None)] * 50)
    assert issuer.asked == 2


def test_keys_that_cannot_be_fetched_open_nothing_and_old_ones_not_for_ever():
    issuer, good = Issuer(), signed(claims())
    told = issuer.asks((0, good, None), (STALE_S - 10, good, gone(issuer)), (20, good, None))
    assert told == [1, 1, "unavailable"]
    never = Issuer()
    never.keys = None
    assert never.asks((0, good, None)) == ["unavailable"]


# What may be set up


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"audience": ""}, "audience"),
        ({"issuer": "é"}, "issuer"),
        ({"algs": []}, "algs"),
        ({"algs": ["HS256"]}, "algs"),
        ({"algs": ["none"]}, "algs"),
        ({"claims": {}}, "claims"),
        ({"claims": {"sub": "*"}}, "claims"),
        ({"claims": {"exp": "1"}}, "claims"),
        ({"keys_text": ""}, "jwks_url"),
        ({"jwks_url": "ftp://x", "keys_text": ""}, "jwks_url"),
        ({"jwks_url": "https://x.example/keys"}, "keys_text"),
        ({"keys_text": key_of("RS256").as_pem(private=True).decode()}, "keys_text"),
        ({"keys_text": json.dumps(jwks(alg="ES256"))}, "keys_text"),
    ],
)
def test_what_would_let_strangers_in_is_not_set_up(world, changed, field):
    with pytest.raises(BadIssuer) as bad:
        trust(world.token, terms(**changed), actor=SYSTEM)
    assert bad.value.field == field
    assert not TrustedIssuer.objects.exists()


def test_the_book_says_who_is_trusted(world, trusted):
    trusted_issuers.end(trusted, actor=SYSTEM)
    acts = AuditEvent.objects.filter(action__startswith="token.issuer").order_by("pk")
    assert [act.action for act in acts] == ["token.issuer_trusted", "token.issuer_removed"]
    assert acts[0].details["claims"] == ["sub=repo:acme/site:*"]


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("repo:a/*", "repo:a/b", True), ("repo:a/*", "repo:ab", False), ("*main", "x/main", True), ("a*a", "a", False),
        ("a*b*c", "aXbYc", True), ("a*b*c", "acb", False), ("true", True, True), ("7", 7, True), ("1", True, False),
        ("x", None, False), ("[x]", ["x"], False), ("a.c", "abc", False), ("a" + "*a" * 60 + "b", "a" * 1000, False),
    ],
)  # fmt: skip
def test_a_claim_is_as_wanted(pattern, value, fits):
    assert matches(pattern, value) is fits
