"""A request link: what it shows, what it takes, where it lands, and what is said to whom."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.connections import connect_key
from integrations.links import Ask, letter, link_state, make_request
from integrations.links.handing import take_into_use
from integrations.links.link import LinkRefused, address, open_token, revoke_link, sealed_rows
from integrations.links.words import catalogues
from integrations.models import ClientLink, Connection, LinkItem, Message
from secrets_vault import vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.models import AuditEvent, StoredSecret
from secrets_vault.secret import Secret
from tests.factories import make_client
from tests.integrations.links.vendor import GOOD, OTHERS, RETIRED, make_key_connection

pytestmark = pytest.mark.django_db
OURS = "http://localhost:8000"


def hand_in(browser, path, value=GOOD, origin=OURS, **more):
    fields = {"item": "1", "value_api_key": value} | more
    return browser.post(path, fields, headers={"origin": origin} if origin else {})


def in_use(connection):
    connection.refresh_from_db()
    return vault.use(connection.secret, actor=SYSTEM, purpose="test")["api_key"].expose()


def test_a_client_hands_over_a_key_without_an_account(request_of, gadgets, phone, vendor):
    link, path = request_of(gadgets, why="So that new leads reach your CRM.")
    page = phone.get(path).content.decode()
    assert "Ada asks Acme" in page
    assert "So that new leads reach your CRM." in page
    assert page.index("<h3>How to do it") < page.index('name="value_api_key"')
    answer = hand_in(phone, path)
    assert (answer.status_code, answer["Location"]) == (303, "/connect/thanks/en/?request=done")
    assert "that was all" in phone.get(answer["Location"]).content.decode()
    assert in_use(gadgets) == GOOD
    assert (gadgets.status, gadgets.account_id, gadgets.connected_by) == (
        "connected",
        "acc-acme",
        "office@acme.example",
    )
    link.refresh_from_db()
    assert link_state(link, now=timezone.now()) == "used"
    assert vendor.offered == [GOOD]


def test_the_first_form_takes_the_key_and_its_first_button_goes_on(request_of, gadgets, phone):
    page = phone.get(request_of(gadgets)[1]).content.decode()
    form = re.search(r"<form method=\"post\"[^>]*>(.*?)</form>", page, re.DOTALL)[1]
    assert 'autocomplete="off"' in re.search(r'<input id="value_api_key"[^>]*>', form)[0]
    assert re.findall(r"<button[^>]*>([^<]+)", form)[0] == "Test and hand over"


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("agent", ["Slackbot-LinkExpanding 1.0", "BarracudaCentral", "Mozilla/5.0 (SafeLinks)"])
def test_a_preview_changes_nothing_and_sets_nothing(request_of, gadgets, phone, method, agent):
    _, path = request_of(gadgets)
    before = list(ClientLink.objects.values()), list(LinkItem.objects.values()), AuditEvent.objects.count()
    for _ in range(3):
        answer = getattr(phone, method)(path, headers={"user-agent": agent})
        assert (answer.status_code, dict(answer.cookies)) == (200, {})
        assert "no-store" in answer["Cache-Control"]
    assert (list(ClientLink.objects.values()), list(LinkItem.objects.values()), AuditEvent.objects.count()) == before


def test_a_pending_key_changes_nothing_until_somebody_takes_it_into_use(request_of, gadgets, phone, ada):
    connect_key(gadgets, {"api_key": Secret(RETIRED)}, actor=SYSTEM, now=timezone.now())
    link, path = request_of(gadgets, lands_as="pending")
    assert hand_in(phone, path).status_code == 303
    assert in_use(gadgets) == RETIRED
    item = link.items.get()
    assert (item.version.state, item.outcome) == ("verified", "works")
    take_into_use(item, actor=Actor.of(ada), now=timezone.now())
    assert in_use(gadgets) == GOOD


def test_a_first_key_can_wait_too(request_of, gadgets, phone, ada):
    link, path = request_of(gadgets, lands_as="pending")
    assert hand_in(phone, path).status_code == 303
    gadgets.refresh_from_db()
    assert (gadgets.secret, gadgets.status) == (None, "not_connected")
    take_into_use(link.items.get(), actor=Actor.of(ada), now=timezone.now())
    assert in_use(gadgets) == GOOD
    vault.check_policy(gadgets.secret, host=gadgets.secret.policy["hosts"][0], slot="header:authorization")


def test_a_refused_key_is_not_stored_and_the_link_works_on(request_of, gadgets, phone):
    link, path = request_of(gadgets)
    answer = hand_in(phone, path, "gk_" + "9" * 32)
    assert answer.status_code == 422
    assert "Gadgets does not accept it" in answer.content.decode()
    assert "9" * 32 not in answer.content.decode()
    assert not StoredSecret.objects.exists()
    link.refresh_from_db()
    assert (link.used_at, link.failed_code) == (None, "refused")
    assert hand_in(phone, path).status_code == 303


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_vendor_in_trouble_uses_nothing_up(request_of, gadgets, phone, vendor, status):
    _, path = request_of(gadgets)
    vendor.trouble = status
    answer = hand_in(phone, path)
    assert (answer.status_code, "could not be asked" in answer.content.decode()) == (422, True)
    vendor.trouble = 0
    assert hand_in(phone, path).status_code == 303


def test_another_account_is_refused_and_both_are_named(request_of, gadgets, phone):
    Connection.objects.update(account_id="acc-acme", account_name="Acme Ltd")
    _, path = request_of(gadgets)
    assert "Acme Ltd" in phone.get(path).content.decode()
    page = hand_in(phone, path, OTHERS).content.decode()
    assert "belongs to the account Other GmbH" in page
    assert "from the account Acme Ltd" in page
    assert not StoredSecret.objects.exists()


def test_a_key_that_is_in_use_or_was_replaced_is_no_new_one(request_of, gadgets, phone):
    connect_key(gadgets, {"api_key": Secret(RETIRED)}, actor=SYSTEM, now=timezone.now())
    connect_key(gadgets, {"api_key": Secret(GOOD)}, actor=SYSTEM, now=timezone.now())
    _, path = request_of(gadgets)
    assert "in use already" in hand_in(phone, path, GOOD).content.decode()
    assert "replaced before" in hand_in(phone, path, RETIRED).content.decode()


def test_a_key_that_others_hold_too_is_taken_and_only_the_consultant_is_told(request_of, gadgets, phone):
    beta = make_client("beta")
    vault.store(
        actor=SYSTEM, client=beta, environment=None, kind="api_key", label="x", fields={"api_key": Secret(GOOD)}
    )
    link, path = request_of(gadgets)
    answer = hand_in(phone, path)
    assert answer.status_code == 303
    assert link.items.get().warned == ["known_elsewhere"]
    assert "stored in another place too" in Message.objects.get(kind="link_done").body


def test_what_looks_wrong_is_said_once_and_taken_when_the_client_is_sure(request_of, gadgets, phone, vendor):
    _, path = request_of(gadgets)
    stripe = "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc"
    page = hand_in(phone, path, stripe).content.decode()
    assert "key of another service, not of Gadgets" in page
    assert vendor.offered == []
    page = hand_in(phone, path, stripe, sure="1").content.decode()
    assert "does not accept it" in page


def test_spaces_and_line_ends_that_copying_leaves_are_taken_away(request_of, gadgets, phone):
    assert hand_in(phone, request_of(gadgets)[1], f"  {GOOD}\r\n").status_code == 303
    assert in_use(gadgets) == GOOD


def test_user_name_and_password_are_both_taken(request_of, acme, vendor, phone):
    from base64 import b64encode

    basic = make_key_connection(acme, vendor, slug="acme-basic", kind="basic")
    _, path = request_of(basic)
    page = phone.get(path).content.decode()
    assert 'name="value_username" type="text"' in page
    assert 'name="value_password" type="password"' in page
    answer = phone.post(path, {"item": "1", "value_username": "ann", "value_password": " p "}, headers={"origin": OURS})
    assert answer.status_code == 422  # the vendor knows bearers only
    assert f"Basic {b64encode(b'ann: p ').decode()}".encode() in vendor.requests[-1]


def test_the_client_names_the_part_of_the_address_that_only_they_know(request_of, acme, vendor, phone):
    facts = {
        "variables": [{"name": "shop", "source": "form", "pattern": "[a-z]{2,20}", "example": "acme", "label": "Shop"}]
    }
    connection = make_key_connection(acme, vendor, path="/{shop}", facts=facts)
    _, path = request_of(connection)
    assert "For example acme" in phone.get(path).content.decode()
    assert "Compare it with the example" in hand_in(phone, path, var_shop="../evil").content.decode()
    assert hand_in(phone, path, var_shop="lamps").status_code == 303
    connection.refresh_from_db()
    assert connection.variables == {"shop": "lamps"}
    assert vendor.requests[-1].startswith(b"GET /lamps/me ")


def test_a_part_that_is_set_cannot_be_changed_by_a_link(request_of, acme, vendor, phone):
    facts = {"variables": [{"name": "shop", "source": "form", "pattern": "[a-z]{2,20}"}]}
    connection = make_key_connection(acme, vendor, path="/{shop}", facts=facts, variables={"shop": "lamps"})
    _, path = request_of(connection)
    assert "var_shop" not in phone.get(path).content.decode()
    assert hand_in(phone, path, var_shop="evil").status_code == 303
    assert vendor.requests[-1].startswith(b"GET /lamps/me ")


def test_the_consultant_hears_of_it_with_no_value_in_the_mail(request_of, gadgets, phone):
    _, path = request_of(gadgets)
    hand_in(phone, path)
    message = Message.objects.get(kind="link_done")
    assert "Acme has done all that the link asked for" in message.subject
    assert "handed over, tried, works" in message.body
    assert GOOD not in message.body


def test_every_act_is_in_the_book_and_no_value_is(request_of, gadgets, phone, log):
    _, path = request_of(gadgets)
    hand_in(phone, path, "gk_" + "9" * 32)
    hand_in(phone, path)
    actions = list(AuditEvent.objects.values_list("action", flat=True))
    assert {"link.made", "link.opened", "link.item_done", "link.used", "secret.stored"} <= set(actions)
    told = repr(list(AuditEvent.objects.values())) + log.getvalue()
    assert GOOD not in told
    assert "9" * 32 not in told
    assert path.rpartition("/")[2] not in told


@pytest.mark.parametrize("language", sorted(catalogues()))
def test_the_page_speaks_the_clients_language(request_of, gadgets, phone, language):
    _, path = request_of(gadgets, language=language)
    page = phone.get(path).content.decode()
    assert f'<html lang="{language}">' in page
    assert catalogues()[language]["hand_over"] in page.replace("&#x27;", "'")
    assert "{" not in re.sub(r"content='\{.*?\}'", "", page)


@pytest.mark.parametrize("language", sorted(catalogues()))
def test_the_letter_asks_for_no_key_by_mail(request_of, gadgets, language):
    link, path = request_of(gadgets, language=language)
    subject, text = letter(link, OURS + path)
    assert "Ada" in subject
    assert OURS + path in text
    assert "{" not in subject + text


def test_a_mailed_link_keeps_its_token_sealed_until_it_is_over(request_of, gadgets, phone, ada):
    link, path = request_of(gadgets)
    assert address(link, open_token(link).expose()) == OURS + path
    assert [opens().expose() for _name, opens in sealed_rows()] == [path.rpartition("/")[2]]
    hand_in(phone, path)
    assert ClientLink.objects.get().sealed_token is None
    revoked, _ = request_of(gadgets)
    revoke_link(revoked, actor=Actor.of(ada), now=timezone.now())
    assert ClientLink.objects.get(pk=revoked.pk).sealed_token is None
    copied, _ = request_of(gadgets, sent_to="")
    assert copied.sealed_token is None


@pytest.mark.parametrize("days", [0, 8, -1])
def test_a_link_works_for_a_week_at_most(acme, gadgets, ada, days):
    with pytest.raises(LinkRefused):
        make_request(acme, [Ask(gadgets)], actor=Actor.of(ada), now=timezone.now(), days=days)


def test_a_link_asks_one_client_for_each_thing_once(acme, gadgets, vendor, ada):
    other = make_key_connection(make_client("beta"), vendor, slug="beta-gadgets")
    for asks in ([], [Ask(gadgets), Ask(gadgets)], [Ask(gadgets), Ask(other)]):
        with pytest.raises(LinkRefused):
            make_request(acme, asks, actor=Actor.of(ada), now=timezone.now())
    assert not ClientLink.objects.exists()


def test_unknown_used_revoked_and_ended_links_are_one_and_the_same_404(request_of, gadgets, phone, ada):
    now = timezone.now()
    used, used_path = request_of(gadgets)
    ClientLink.objects.filter(pk=used.pk).update(used_at=now)
    revoked, revoked_path = request_of(gadgets)
    revoke_link(revoked, actor=Actor.of(ada), now=now)
    _, ended_path = request_of(gadgets, now=now - timedelta(days=8))
    paths = (used_path, revoked_path, ended_path, "/request/" + "A" * 43, "/request/x")
    pages = {(a.status_code, a.content) for path in paths for a in (phone.get(path), hand_in(phone, path))}
    assert [status for status, _ in pages] == [404]
    assert not StoredSecret.objects.exists()
