"""A link that a client opens without an account: what it shows, what it does once, what it refuses."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.utils import timezone

from integrations.links import letter, link_state, make_link, revoke_link
from integrations.links.link import LinkRefused
from integrations.links.words import catalogues
from integrations.models import ClientLink, Connection, OAuthFlow
from secrets_vault.actor import Actor
from secrets_vault.models import AuditEvent, StoredSecret
from tests.integrations.oauth.world import OTHER_PORTAL, READ, WRITE, consent_at

pytestmark = pytest.mark.django_db
OURS = "http://localhost:8000"


def press(browser, path, origin=OURS, **headers):
    return browser.post(path, headers={"origin": origin, **headers} if origin else headers)


def come_back(browser, came_back):
    return browser.get("/oauth/callback?" + urlencode({n: v for n, v in vars(came_back).items() if v}))


def test_a_client_connects_on_a_phone_without_an_account(reachable, link_of, phone):
    link, path = link_of(sent_to="office@acme.example")
    page = phone.get(path).content.decode()
    assert "Ada asks you to connect your HubSpot (sandbox) account." in page
    assert "For Acme" in page
    assert "Look at contacts" in page
    leads_on = press(phone, path)
    href = re.search(r'href="([^"]+authorize[^"]+)"', leads_on.content.decode())[1].replace("&amp;", "&")
    answer = come_back(phone, consent_at(reachable, href))
    assert (answer.status_code, answer["Location"]) == (303, "/connect/thanks/en/")
    assert "Thank you" in phone.get(answer["Location"]).content.decode()
    connection = Connection.objects.get()
    assert (connection.status, connection.connected_by) == ("connected", "office@acme.example")
    link.refresh_from_db()
    assert link_state(link, now=timezone.now()) == "used"


def test_the_first_form_posts_and_its_first_button_goes_on(link_of, phone):
    _, path = link_of()
    page = phone.get(path).content.decode()
    form = re.search(r"<form method=\"post\">(.*?)</form>", page, re.DOTALL)[1]
    assert re.findall(r"<button[^>]*>([^<]+)", form)[0] == "Go on"


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_preview_changes_nothing_and_sets_nothing(link_of, phone, method):
    _, path = link_of()
    before = list(ClientLink.objects.values()), AuditEvent.objects.count()
    for _ in range(3):
        answer = getattr(phone, method)(path, headers={"user-agent": "Slackbot-LinkExpanding 1.0"})
        assert answer.status_code == 200
        assert not answer.cookies
        assert "no-store" in answer["Cache-Control"]
    assert (list(ClientLink.objects.values()), AuditEvent.objects.count()) == before
    assert OAuthFlow.objects.count() == 0


@pytest.mark.parametrize(
    ("origin", "referer"),
    [
        ("https://evil.example", None),
        ("null", None),
        ("http://localhost", None),
        ("http://localhost:8000.evil.example", None),
        ("http://localhost:8000@evil.example", None),
        ("https://localhost:8000", None),
        ("http://[", None),
        (None, None),
        (None, "https://evil.example/http://localhost:8000/"),
        ("https://evil.example", "http://localhost:8000/connect/x"),
    ],
)
def test_a_post_from_elsewhere_is_refused(link_of, phone, origin, referer):
    _, path = link_of()
    headers = {"referer": referer} if referer else {}
    answer = press(phone, path, origin, **headers)
    assert answer.status_code == 403
    assert not answer.cookies
    assert OAuthFlow.objects.count() == 0


def test_without_an_origin_our_own_referer_is_enough(link_of, phone):
    _, path = link_of()
    answer = press(phone, path, origin=None, referer=f"{OURS}{path}")
    assert answer.status_code == 200
    assert settings.OAUTH_COOKIE_NAME in answer.cookies
    assert settings.CSRF_COOKIE_NAME not in answer.cookies


def test_unknown_used_revoked_and_ended_links_are_one_and_the_same_404(link_of, phone, ada):
    now = timezone.now()
    used, used_path = link_of()
    ClientLink.objects.filter(pk=used.pk).update(used_at=now)
    revoked, revoked_path = link_of()
    revoke_link(revoked, actor=Actor.of(ada), now=now)
    _, ended_path = link_of(now=now - timedelta(days=8))
    pages = {
        (answer.status_code, answer.content)
        for path in (
            used_path,
            revoked_path,
            ended_path,
            "/connect/" + "A" * 43,
            "/connect/x",
            "/connect/" + "Z" * 9999,
        )
        for answer in (phone.get(path), press(phone, path))
    }
    assert len(pages) == 1
    assert next(iter(pages))[0] == 404
    assert "Ask the person who sent it" in next(iter(pages))[1].decode()


@pytest.mark.parametrize("token", ["%00", "%2e%2e", "%ff", "a%0d%0ab", "<script>", "'%22--"])
def test_a_mangled_token_is_a_quiet_404(phone, token, db):
    assert phone.get(f"/connect/{token}").status_code == 404


def test_a_refused_consent_does_not_use_the_link_up(reachable, link_of, phone):
    link, path = link_of()
    answer = come_back(phone, consent_at(reachable, press(phone, path).context["url"], decision="deny"))
    assert answer.status_code == 400
    assert "Open the link" in answer.content.decode()
    link.refresh_from_db()
    assert (link.used_at, link.failed_code) == (None, "access_denied")
    assert come_back(phone, consent_at(reachable, press(phone, path).context["url"])).status_code == 303
    link.refresh_from_db()
    assert (link.failed_at, link.failed_code) == (None, "")


def test_a_client_who_allows_less_is_thanked_and_told_so(reachable, connection, link_of, phone):
    Connection.objects.update(requested_scopes=["oauth", READ, WRITE])
    reachable.control(missing_scope=WRITE)
    _, path = link_of()
    answer = come_back(phone, consent_at(reachable, press(phone, path).context["url"]))
    assert answer["Location"] == "/connect/thanks/en/?partly=yes"
    page = phone.get(answer["Location"]).content.decode()
    assert "Not everything that was asked for was allowed" in page
    connection.refresh_from_db()
    assert (connection.status, WRITE in connection.granted_scopes) == ("connected", False)


def test_it_can_be_forwarded_and_only_the_first_to_finish_counts(reachable, link_of, browser_of, phone):
    _, path = link_of()
    admin = browser_of()
    first = consent_at(reachable, press(phone, path).context["url"])
    second = consent_at(reachable, press(admin, path).context["url"])
    assert come_back(admin, second).status_code == 303
    assert come_back(phone, first).status_code == 400
    assert StoredSecret.objects.filter(kind="oauth_tokens").count() == 1


def test_a_callback_of_one_phone_in_another_is_refused(reachable, link_of, browser_of, phone):
    _, path = link_of()
    came_back = consent_at(reachable, press(phone, path).context["url"])
    assert come_back(browser_of(), came_back).status_code == 400
    assert Connection.objects.get().status == "not_connected"


def test_a_link_revoked_during_the_consent_connects_nothing(reachable, link_of, phone, ada):
    link, path = link_of()
    came_back = consent_at(reachable, press(phone, path).context["url"])
    revoke_link(link, actor=Actor.of(ada), now=timezone.now())
    assert come_back(phone, came_back).status_code == 400
    assert StoredSecret.objects.filter(kind="oauth_tokens").count() == 0


def test_another_account_is_refused_by_name_and_given_back(reachable, connection, link_of, phone):
    connection.expected_account_id = "24680135"
    connection.save()
    _, path = link_of()
    assert "24680135" in phone.get(path).content.decode()
    answer = come_back(phone, consent_at(reachable, press(phone, path).context["url"], account=OTHER_PORTAL))
    page = answer.content.decode()
    assert answer.status_code == 400
    assert OTHER_PORTAL in page
    assert "24680135" in page
    assert any("/revoke" in str(call) for call in reachable.arrived())
    assert Connection.objects.get().status == "not_connected"


def test_too_many_tries_are_stopped_without_using_the_link_up(link_of, phone):
    _, path = link_of()
    statuses = [press(phone, path).status_code for _ in range(21)]
    assert (set(statuses[:20]), statuses[20]) == ({200}, 429)


def test_an_app_that_is_broken_is_not_the_clients_to_mend(connection, link_of, phone):
    connection.oauth_app.is_broken = True
    connection.oauth_app.save()
    _, path = link_of()
    answer = press(phone, path)
    assert answer.status_code == 409
    assert "not by you" in answer.content.decode()


def test_names_with_markup_stay_text(connection, link_of, phone, ada):
    evil = '<script>alert(1)</script>{until}"onload="x'
    type(ada).objects.filter(pk=ada.pk).update(name=evil)
    type(connection.client).objects.filter(pk=connection.client_id).update(name=evil)
    _, path = link_of()
    page = phone.get(path).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{until}&quot;onload" in page


def test_a_huge_or_mistyped_post_is_read_by_nobody(link_of, phone):
    _, path = link_of()
    body = b"x" * 2_000_000
    answer = phone.post(path, body, content_type="application/json", headers={"origin": OURS})
    assert answer.status_code == 200
    assert phone.put(path).status_code == 405


@pytest.mark.parametrize("language", sorted(catalogues()))
def test_each_language_has_every_sentence_and_every_slot(language):
    english, words = catalogues()["en"], catalogues()[language]
    assert set(words) == set(english)
    for name, text in english.items():
        assert sorted(re.findall(r"\{\w+\}", words[name])) == sorted(re.findall(r"\{\w+\}", text)), name


@pytest.mark.parametrize(
    ("language", "title"), [("de", "verbinden"), ("fr", "Connecter"), ("es", "Conectar"), ("nl", "koppelen")]
)
def test_the_link_speaks_the_language_it_was_made_in(link_of, phone, language, title):
    _, path = link_of(language=language)
    page = phone.get(path).content.decode()
    assert title in page
    assert f'<html lang="{language}">' in page


def test_the_token_is_nowhere_in_the_database(link_of):
    _, path = link_of()
    token = path.removeprefix("/connect/")
    assert len(token) == 43
    assert token not in repr(list(ClientLink.objects.values())) + repr(list(AuditEvent.objects.values()))


@pytest.mark.parametrize("days", [0, 8, -1])
def test_a_link_works_for_a_week_at_most(connection, ada, days):
    with pytest.raises(LinkRefused):
        make_link(connection, actor=Actor.of(ada), now=timezone.now(), days=days)


def test_opening_and_using_are_in_the_book(reachable, link_of, phone):
    _, path = link_of()
    come_back(phone, consent_at(reachable, press(phone, path).context["url"]))
    actions = set(AuditEvent.objects.filter(actor_kind="client_link").values_list("action", flat=True))
    assert {"link.opened", "link.used", "connection.connected"} <= actions


@pytest.mark.parametrize("language", sorted(catalogues()))
def test_the_letter_holds_the_link_and_nothing_unfilled(connection, ada, language):
    link, url = make_link(connection, actor=Actor.of(ada), now=timezone.now(), language=language)
    subject, text = letter(link, url)
    assert "HubSpot" in subject
    assert url in text
    assert "Ada" in text
    assert "{" not in subject + text
