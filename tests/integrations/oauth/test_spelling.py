"""Vendors that spell OAuth their own way: names, places, a second token at once, a renewal without a refresh token.

What each sends is what its own page or SDK shows; the sources stand in its file of the catalogue.
"""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from integrations import outbound
from integrations.models import Connection
from integrations.oauth import flow
from integrations.oauth.app import make_app
from integrations.oauth.due import refresh_due
from integrations.oauth.errors import ConsentRefused, NeedsReconnecting
from integrations.oauth.flow import Callback
from integrations.oauth.keeping import app_policy
from integrations.oauth.refresh import access_token, refresh
from integrations.providers.reading import BadFacts
from integrations.providers.registry import get_provider
from integrations.providers.shape import Provider
from integrations.status import Status
from secrets_vault import vault
from secrets_vault.actor import Actor
from secrets_vault.errors import PolicyRefused
from secrets_vault.models import AuditEvent, SecretVersion
from secrets_vault.secret import Secret
from secrets_vault.vault import Policy
from tests.factories import make_client
from tests.integrations.oauth.world import BROWSER, NOW

pytestmark = pytest.mark.django_db
APP_SECRET, SHORT, LONG, NEWER = "app-CANARY-secret", "at-CANARY-short", "at-CANARY-long", "at-CANARY-newer"
CALLBACK = "http://localhost:8000/oauth/callback"
DAY = timedelta(days=1)
FORMS = {
    "vercel": {"integration": "acme-automations"},
    "amazon_sp_api": {
        "endpoint": "sellingpartnerapi-eu.amazon.com",
        "central": "sellercentral-europe.amazon.com",
        "application_id": "amzn1.sp.solution.0bf296b5-36a6-4942-a13e-0bf296b5cd28",
    },
    "meta": {"graph_version": "v25.0"},
}
SWAPPED = {"access_token": LONG, "token_type": "bearer", "expires_in": 60 * 86_400}


class Vendor:
    """Answers by path, and keeps what it was asked: method, address, parameters."""

    def __init__(self, **answers) -> None:
        self.answers, self.asked = {"/me": {}, "/v2/user": {}} | answers, []

    def __call__(self, method, url, *, headers, body=None, **_):
        parts = urlsplit(url)
        is_json = "json" in dict(headers).get("Content-Type", "") if isinstance(headers, dict) else False
        form = json.loads(body) if is_json else dict(parse_qsl((body or b"").decode()))
        self.asked.append((method, f"{parts.scheme}://{parts.netloc}{parts.path}", dict(parse_qsl(parts.query)) | form))
        answer = self.answers.get(parts.path.split("/", 2)[-1] if parts.path.startswith("/v25") else parts.path, {})
        status, answer = answer if isinstance(answer, tuple) else (200, answer)
        return outbound.Answer(status, (), json.dumps(answer).encode())

    def sent(self, path):
        """Return the parameters of the last request to an address with this end."""
        return next(parameters for _, url, parameters in reversed(self.asked) if url.endswith(path))


def connection_to(key, ada):
    client = make_client()
    app = make_app(f"{key} app", key, client_id="the-app", client_secret=Secret(APP_SECRET), actor=Actor.of(ada))
    return Connection.objects.create(
        slug=f"acme-{key.replace('_', '-')}",
        client=client,
        environment=client.environments.first(),
        provider_key=key,
        kind="oauth2",
        oauth_app=app,
        variables=FORMS.get(key, {}),
        requested_scopes=list(get_provider(key).oauth.default_scopes),
    )


def begun(connection, ada):
    """Return where the browser is sent, and the parameters it takes along."""
    url = flow.start(connection, user=ada, actor=Actor.of(ada), browser_secret=BROWSER, now=NOW)
    page, _, query = url.partition("?")
    return page, {name: values[0] for name, values in parse_qs(query).items()}


def finished(connection, ada, vendor, **callback):
    _, query = begun(connection, ada)
    back = Callback(query["state"], browser_secret=BROWSER, **callback)
    flow.finish(back, user=ada, now=NOW, send=vendor)
    connection.refresh_from_db()
    return query


def held(connection):
    return {
        name: value.expose() for name, value in vault.use(connection.secret, actor=Actor("system"), purpose="t").items()
    }


# Names in the address of the consent and in the token request


def test_tiktok_calls_the_client_id_its_own_way_and_writes_the_challenge_in_hex(ada):
    connection = connection_to("tiktok", ada)
    answer = {"access_token": LONG, "expires_in": 86_400, "refresh_token": "rt-1", "refresh_expires_in": 31_536_000,
              "open_id": "open-1", "scope": "user.info.basic,video.list"}  # fmt: skip
    vendor = Vendor(**{"/v2/oauth/token/": answer})
    query = finished(connection, ada, vendor, code="the-code")
    sent = vendor.sent("/v2/oauth/token/")
    assert (query["client_key"], sent["client_key"], sent["client_secret"]) == ("the-app", "the-app", APP_SECRET)
    assert "client_id" not in query | sent
    assert query["code_challenge"] == hashlib.sha256(sent["code_verifier"].encode()).hexdigest()
    assert connection.granted_scopes == ["user.info.basic", "video.list"]
    assert (connection.account_id, connection.status) == ("open-1", Status.CONNECTED)


def test_apollos_consent_is_a_place_in_a_page(ada):
    page, query = begun(connection_to("apollo", ada), ada)
    assert page == "https://app.apollo.io/#/oauth/authorize"
    assert query["code_challenge_method"] == "S256"
    assert query["redirect_uri"].endswith("/oauth/callback")


def test_vercels_consent_names_the_integration(ada):
    connection = connection_to("vercel", ada)
    page, _ = begun(connection, ada)
    assert page == "https://vercel.com/integrations/acme-automations/new"
    finished(connection, ada, Vendor(**{"/v2/oauth/access_token": {"access_token": LONG, "installation_id": "icfg"}}),
             code="c", other={"teamId": "team_1"})  # fmt: skip
    assert (connection.account_id, connection.access_expires_at, connection.refresh_due_at) == ("icfg", None, None)


def test_amazons_callback_has_a_code_of_its_own_name(ada):
    connection = connection_to("amazon_sp_api", ada)
    page, query = begun(connection, ada)
    assert page == "https://sellercentral-europe.amazon.com/apps/authorize/consent"
    assert query["application_id"].startswith("amzn1.sp.solution.")
    assert not {"client_id", "response_type", "scope", "version"} & set(query)
    answer = {"access_token": LONG, "refresh_token": "rt-1", "expires_in": 3600}
    vendor = Vendor(**{"/auth/o2/token": answer})
    with pytest.raises(ConsentRefused, match="code_missing"):
        finished(connection, ada, vendor, code="not-this-one")
    finished(connection, ada, vendor, other={"spapi_oauth_code": "the-code", "selling_partner_id": "A1"})
    assert vendor.sent("/auth/o2/token")["code"] == "the-code"


def test_tiktok_ads_answers_under_data_and_refuses_with_200(ada):
    connection, path = connection_to("tiktok_ads", ada), "/open_api/v1.3/oauth2/access_token/"
    vendor = Vendor(**{path: {"code": 40105, "message": "no", "data": {}}})
    back = {"other": {"auth_code": "the-code"}}
    with pytest.raises(ConsentRefused) as refused:
        finished(connection, ada, vendor, **back)
    assert (refused.value.code, refused.value.details) == ("code_refused", {"code": "40105"})
    vendor.answers[path] = {
        "code": 0,
        "message": "OK",
        "data": {"access_token": LONG, "scope": [4], "advertiser_ids": ["7"]},
    }
    finished(connection, ada, vendor, **back)
    sent = vendor.sent(path)
    assert {name: sent[name] for name in ("app_id", "secret", "auth_code")} == {
        "app_id": "the-app", "secret": APP_SECRET, "auth_code": "the-code"
    }  # fmt: skip
    assert not {"client_id", "client_secret", "code", "grant_type", "redirect_uri"} & set(sent)
    assert held(connection) == {"access_token": LONG}


def test_a_code_that_comes_twice_under_the_vendors_name_is_no_code(browser_of, ada, settings):
    connection = connection_to("tiktok_ads", ada)
    browser = browser_of(ada)
    browser.cookies[settings.OAUTH_COOKIE_NAME] = BROWSER
    _, query = begun(connection, ada)
    answer = browser.get(f"/oauth/callback?state={query['state']}&auth_code=one&auth_code=two")
    assert answer.status_code == 400
    connection.refresh_from_db()
    assert connection.secret is None


def test_freshbooks_hears_the_redirect_uri_in_a_refresh_too(ada):
    connection = connection_to("freshbooks", ada)
    answer = {"access_token": SHORT, "refresh_token": "rt-1", "expires_in": 43_200}
    vendor = Vendor(**{"/auth/oauth/token": answer})
    finished(connection, ada, vendor, code="the-code")
    vendor.answers["/auth/oauth/token"] = answer | {"access_token": NEWER, "refresh_token": "rt-2"}
    refresh(connection, now=NOW + DAY, send=vendor)
    sent = vendor.sent("/auth/oauth/token")
    assert (sent["grant_type"], sent["refresh_token"], sent["redirect_uri"]) == ("refresh_token", "rt-1", CALLBACK)


# The token of weeks right after the code's


def instagram(**answers):
    first = {"data": [{"access_token": SHORT, "user_id": "178", "permissions": "instagram_business_basic"}]}
    return Vendor(**{"/oauth/access_token": first, "/access_token": SWAPPED} | answers)


def test_metas_token_of_an_hour_becomes_one_of_sixty_days_whose_end_is_shown(ada):
    connection = connection_to("meta", ada)
    vendor = Vendor(
        **{"oauth/access_token": {"access_token": SHORT, "expires_in": 3600}, "me": {"id": "1", "name": "Jo"}}
    )
    answers = iter([{"access_token": SHORT, "expires_in": 3600}, SWAPPED])

    def send(method, url, **more):
        if url.split("?")[0].endswith("access_token"):
            vendor.answers["oauth/access_token"] = next(answers)
        return vendor(method, url, **more)

    finished(connection, ada, send, code="the-code")
    (method, url, first), (_, again, second) = [ask for ask in vendor.asked if ask[1].endswith("access_token")]
    assert (method, url) == ("GET", "https://graph.facebook.com/v25.0/oauth/access_token")
    assert (first["code"], first["client_secret"], again) == ("the-code", APP_SECRET, url)
    assert {name: second[name] for name in second if name != "client_secret"} == {
        "grant_type": "fb_exchange_token", "client_id": "the-app", "fb_exchange_token": SHORT
    }  # fmt: skip
    assert held(connection) == {"access_token": LONG}
    assert (connection.refresh_expires_at, connection.refresh_ends_by) == (NOW + 60 * DAY, "no_refresh")
    assert connection.refresh_due_at is None
    with pytest.raises(NeedsReconnecting):
        refresh(connection, now=NOW + 59 * DAY, send=vendor)


def test_instagrams_token_is_renewed_with_itself_again_and_again(ada):
    connection, vendor = connection_to("instagram", ada), instagram()
    finished(connection, ada, vendor, code="the-code")
    assert vendor.sent("graph.instagram.com/access_token") == {
        "grant_type": "ig_exchange_token", "access_token": SHORT, "client_secret": APP_SECRET
    }  # fmt: skip
    assert held(connection) == {"access_token": LONG}
    assert connection.account_id == "178"
    assert (connection.refresh_expires_at, connection.refresh_ends_by) == (NOW + 60 * DAY, "idle")
    assert NOW + 44 * DAY < connection.refresh_due_at <= NOW + 48 * DAY
    vendor.answers["/refresh_access_token"] = SWAPPED | {"access_token": NEWER}
    assert refresh_due(now=NOW + 49 * DAY, send=vendor) == 1
    assert vendor.sent("/refresh_access_token") == {"grant_type": "ig_refresh_token", "access_token": LONG}
    connection.refresh_from_db()
    assert held(connection) == {"access_token": NEWER}
    assert connection.refresh_ends_by == "idle"
    assert connection.refresh_expires_at.date() == (NOW + 109 * DAY).date()
    assert access_token(connection, now=NOW + 50 * DAY, send=vendor).expose() == NEWER


def test_a_renewal_cut_off_twice_is_simply_tried_again(ada):
    """The token that asks is not spent by it: what was lost is the answer, and the token lives for weeks."""
    connection, vendor = connection_to("instagram", ada), instagram()
    finished(connection, ada, vendor, code="the-code")

    def cut_off(*_, **__):
        raise KeyboardInterrupt

    for minutes in (0, 2, 4):
        with pytest.raises(KeyboardInterrupt):
            refresh(connection, now=NOW + 49 * DAY + timedelta(minutes=minutes), send=cut_off)
    vendor.answers["/refresh_access_token"] = SWAPPED | {"access_token": NEWER}
    refresh(connection, now=NOW + 49 * DAY + timedelta(minutes=6), send=vendor)
    connection.refresh_from_db()
    assert (held(connection), connection.status) == ({"access_token": NEWER}, Status.CONNECTED)


def test_a_renewal_that_is_refused_for_good_asks_for_a_new_consent(ada):
    connection, vendor = connection_to("instagram", ada), instagram()
    finished(connection, ada, vendor, code="the-code")
    vendor.answers["/refresh_access_token"] = (400, {"error": {"message": LONG, "type": "OAuthException", "code": 190}})
    with pytest.raises(NeedsReconnecting):
        refresh(connection, now=NOW + 61 * DAY, send=vendor)
    connection.refresh_from_db()
    assert (connection.status, connection.status_code) == (Status.NEEDS_RECONNECTING, "190")


def test_when_the_second_token_is_refused_nothing_is_stored_and_nothing_told(ada, caplog):
    caplog.set_level(logging.DEBUG)
    connection = connection_to("instagram", ada)
    vendor = instagram(**{"/access_token": (400, {"error": {"message": f"{SHORT} {APP_SECRET}", "code": 190}})})
    with pytest.raises(ConsentRefused) as refused:
        finished(connection, ada, vendor, code="the-code")
    assert not SecretVersion.objects.filter(secret__kind="oauth_tokens").exists()
    told = f"{refused.value!r} {refused.value.details} {caplog.text} {list(AuditEvent.objects.values())}"
    assert "CANARY" not in told
    assert refused.value.__cause__ is None


# Where a secret may go


def test_the_apps_secret_is_bound_to_both_addresses_and_the_places_in_them():
    policy = app_policy(get_provider("instagram"))
    assert policy.hosts == ("api.instagram.com", "graph.instagram.com")
    assert policy.slots == ("body:client_secret", "query:client_secret")
    assert app_policy(get_provider("meta").render({})).slots == ("query:client_secret",)


def test_an_app_whose_secret_is_bound_to_the_first_address_alone_starts_no_consent(ada):
    connection = connection_to("instagram", ada)
    narrow = Policy(hosts=("api.instagram.com",), slots=("body:client_secret",))
    vault.bind_policy(connection.oauth_app.secret, narrow, actor=Actor.of(ada))
    with pytest.raises(PolicyRefused):
        begun(connection, ada)


def test_a_token_is_renewed_at_the_address_that_it_is_bound_to_and_nowhere_else(ada):
    connection, vendor = connection_to("instagram", ada), instagram()
    finished(connection, ada, vendor, code="the-code")
    vault.bind_policy(
        connection.secret, Policy(("graph.instagram.com",), ("header:authorization",)), actor=Actor.of(ada)
    )
    asked = len(vendor.asked)
    assert refresh_due(now=NOW + 49 * DAY, send=vendor) == 0
    assert len(vendor.asked) == asked


# The facts


@pytest.mark.parametrize(
    ("oauth", "reason"),
    [
        ({"spelling": {"consent": {"state": "s"}}}, "state has no other name"),
        ({"spelling": {"consent": {"code_challenge": ""}}}, "code_challenge has no other name"),
        ({"spelling": {"consent": {"redirect_uri": "state"}}}, "two parameters cannot have one name"),
        ({"spelling": {"token": {"client_secret": ""}}}, "client_secret cannot be left out"),
        ({"spelling": {"token": {"code": "code_verifier"}}}, "two parameters cannot have one name"),
        ({"spelling": {"token": {"code": "a b"}}}, "is no name of a parameter"),
        ({"spelling": {"code_at": "state"}}, "must be the name of a parameter"),
        ({"spelling": {"success_at": "code"}}, "belongs to success_at"),
        ({"spelling": {"token_method": "GET"}, "token_body": "json"}, "goes with a form"),
        ({"long_lived": {"url": "https://evil.example/t", "word": "x"}}, "its host must be one of"),
        ({"renewal": {"url": "https://api.v.example/t"}}, "word: belongs to url"),
        ({"renewal": {"url": "https://api.v.example/t", "word": "x", "app": ["password"]}}, "must be one of"),
        ({"authorize_url": "https://v.example/#javascript:x"}, "must not hold a fragment"),
        ({"token_url": "https://v.example/#/token"}, "must not hold a query or fragment"),
        ({"authorize_params": {"a": "{unlisted}"}}, "uses a variable that is not listed"),
    ],
)
def test_facts_that_would_send_a_secret_astray_or_drop_a_proof_are_refused(oauth, reason):
    facts = {
        "key": "v", "name": "V", "base_url": "https://api.v.example", "allowed_hosts": ["api.v.example"],
        "docs_url": "https://v.example", "checked_on": "2026-11-22",
        "injections": {"oauth2": {"in": "header", "name": "Authorization", "template": "Bearer {token}"}},
        "oauth": {"authorize_url": "https://v.example/a", "token_url": "https://v.example/t"} | oauth,
    }  # fmt: skip
    with pytest.raises(BadFacts, match=reason):
        Provider.from_facts(facts, where="test")


@pytest.mark.parametrize(("kind", "base", "probe"), [
    ("api_key", "https://abcdefghijklmnopqrst.supabase.co", "/rest/v1/"),
    ("oauth2", "https://api.supabase.com", "/v1/projects"),
])  # fmt: skip
def test_a_kind_may_have_its_own_address_and_its_own_probe(kind, base, probe):
    found = (
        get_provider("supabase")
        .of_kind(kind)
        .render({"project_ref": "abcdefghijklmnopqrst"} if kind == "api_key" else {})
    )
    assert (found.base_url, found.probe.path) == (base, probe)


def test_a_pasted_key_asks_for_nothing_that_only_a_consent_needs():
    vercel = get_provider("vercel").of_kind("api_key")
    assert (vercel.variables, vercel.oauth) == ((), None)
    assert vercel.render({}).base_url == "https://api.vercel.com"
