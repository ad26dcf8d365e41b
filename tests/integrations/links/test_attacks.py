"""Ways to abuse a request link. After each nothing is stored, nothing is told, and the link is as it was."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from integrations import outbound
from integrations.agency import introduce
from integrations.connections import connect_key, create_connection
from integrations.links import handing
from integrations.links.link import TRIES, count_try, revoke_link
from integrations.models import ClientLink, Connection, LinkItem, OAuthFlow
from integrations.oauth.app import make_app
from secrets_vault.actor import SYSTEM
from secrets_vault.models import StoredSecret
from secrets_vault.secret import Secret
from tests.integrations.links.test_requests import OURS, hand_in
from tests.integrations.links.vendor import GOOD, RETIRED, make_key_connection

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(request_of, gadgets):
    return request_of(gadgets)


def nothing_happened(link):
    link.refresh_from_db()
    return not StoredSecret.objects.exists() and link.used_at is None


def test_1_a_guessed_token(phone, asked):
    answer = hand_in(phone, "/request/" + "A" * 43)
    assert (answer.status_code, nothing_happened(asked[0])) == (404, True)


def test_2_a_token_of_a_connect_link_at_the_other_door(phone, asked):
    _, path = asked
    assert phone.get(path.replace("/request/", "/connect/")).status_code == 404


def test_3_a_token_with_its_case_or_its_end_changed(phone, asked):
    _, path = asked
    for other in (path.swapcase().replace("/REQUEST/", "/request/"), path[:-1], path + "A", path + "%00", path + "/"):
        assert phone.get(other).status_code == 404


def test_4_a_used_link_again(phone, asked):
    _, path = asked
    assert hand_in(phone, path).status_code == 303
    assert hand_in(phone, path).status_code == 404
    assert StoredSecret.objects.get().versions.count() == 1


def test_5_an_expired_link(phone, asked):
    link, path = asked
    ClientLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert (hand_in(phone, path).status_code, nothing_happened(link)) == (404, True)


def test_6_a_withdrawn_link(phone, asked):
    link, path = asked
    revoke_link(link, actor=SYSTEM, now=timezone.now())
    assert (hand_in(phone, path).status_code, nothing_happened(link)) == (404, True)


def test_7_a_link_of_a_client_that_was_archived(phone, asked):
    link, path = asked
    type(link.client).objects.update(archived_at=timezone.now())
    assert (hand_in(phone, path).status_code, nothing_happened(link)) == (404, True)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None, "http://localhost:8000.evil.example"])
def test_8_a_form_on_another_site(phone, asked, vendor, origin):
    link, path = asked
    answer = hand_in(phone, path, origin=origin)
    assert (answer.status_code, nothing_happened(link), vendor.offered) == (403, True, [])
    assert not answer.cookies


def test_9_a_form_that_names_an_item_of_another_link(phone, request_of, asked, acme, vendor):
    link, path = asked
    other = make_key_connection(acme, vendor, slug="acme-other")
    request_of(other)
    for item in ("2", "0", "-1", "x", "1e1", "٢", "", str(LinkItem.objects.last().pk)):
        answer = hand_in(phone, path, item=item)
        assert (answer.status_code, nothing_happened(link)) == (409, True)


def test_10_script_in_every_name(phone, asked, gadgets, ada):
    _, path = asked
    evil = '<script>alert(1)</script>{until}"onload="x'
    type(ada).objects.update(name=evil)
    type(gadgets.client).objects.update(name=evil)
    ClientLink.objects.update(why=evil)
    Connection.objects.update(expected_account_id=evil)
    introduce(evil, actor=SYSTEM)
    for page in (phone.get(path).content.decode(), hand_in(phone, path).content.decode()):
        assert "<script>alert(1)" not in page
        assert '"onload="' not in page


def test_11_script_in_what_is_entered(phone, asked):
    link, path = asked
    answer = hand_in(phone, path, '"><script>alert(1)</script>')
    assert (answer.status_code, "<script>alert" in answer.content.decode()) == (422, False)
    assert nothing_happened(link)


@pytest.mark.parametrize("size", [9_000, 70_000, 9_000_000])
def test_12_a_huge_paste(phone, asked, vendor, size):
    link, path = asked
    answer = hand_in(phone, path, "k" * size)
    assert answer.status_code in ((422,) if size < 64_000 else (400, 413))
    assert vendor.offered == []
    assert nothing_happened(link)


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data", "image/png", ""])
def test_13_another_type_of_body(phone, asked, vendor, content_type):
    link, path = asked
    body = json.dumps({"item": "1", "value_api_key": GOOD})
    answer = phone.post(path, body, content_type=content_type, headers={"origin": OURS})
    assert answer.status_code in (400, 409, 413)
    assert (nothing_happened(link), vendor.offered) == (True, [])


def test_14_a_file_in_place_of_the_value(phone, asked, vendor):
    from io import BytesIO

    link, path = asked
    upload = BytesIO(GOOD.encode())
    answer = phone.post(path, {"item": "1", "value_api_key": upload}, headers={"origin": OURS})
    assert (answer.status_code, nothing_happened(link), vendor.offered) == (422, True, [])


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\x00b", "\u202ekey", "😀" * 8])
def test_15_a_value_that_would_break_the_request(phone, asked, vendor, value):
    link, path = asked
    answer = hand_in(phone, path, "gk_" + value, sure="1")
    assert answer.status_code in (400, 422)
    assert (nothing_happened(link), vendor.offered) == (True, [])


def test_15_an_accented_letter_breaks_nothing_and_is_the_vendors_to_judge(phone, asked, vendor):
    link, path = asked
    answer = hand_in(phone, path, "gk_clé", sure="1")
    assert (answer.status_code, nothing_happened(link), len(vendor.offered)) == (422, True, 1)


def test_16_more_tries_than_anybody_needs(phone, asked, vendor):
    _, path = asked
    vendor.trouble = 401
    statuses = [hand_in(phone, path, f"gk_{n:032}").status_code for n in range(TRIES + 5)]
    assert (set(statuses[:TRIES]), set(statuses[TRIES:])) == ({422}, {429})
    assert len(vendor.offered) == TRIES
    vendor.trouble = 0
    ClientLink.objects.update(tries_since=timezone.now() - timedelta(minutes=11))
    assert hand_in(phone, path).status_code == 303


def test_17_a_clock_that_was_put_back_locks_nobody_out(asked):
    link, now = asked[0], timezone.now()
    for _ in range(TRIES):
        count_try(link, now=now + timedelta(days=1))
    assert count_try(link, now=now)


def test_18_another_method(phone, asked):
    link, path = asked
    for method in ("put", "patch", "delete", "options", "trace"):
        assert getattr(phone, method)(path).status_code == 405
    assert nothing_happened(link)


def test_19_a_signed_in_person_gains_nothing_by_it(browser_of, ada, asked):
    _, path = asked
    page = browser_of(ada).get(path).content.decode()
    assert "acc-" not in page
    assert "/vault/" not in page


def test_20_an_open_redirect_by_the_way_back(phone, db):
    for cookie in ("//evil.example", "https://evil.example", "../../settings/", "A" * 43, "x" * 5000):
        phone.cookies[settings.LINK_COOKIE_NAME] = cookie
        page = phone.get("/connect/thanks/en/?request=//evil.example").content.decode()
        assert "evil" not in page
        assert "/request/" not in page
    assert phone.get("/connect/thanks/..%2f..%2fsettings/").status_code in (200, 404)
    assert OAuthFlow.objects.count() == 0


def test_21_two_who_press_at_the_same_moment_store_one(asked):
    link, _ = asked
    now, given = timezone.now(), handing.Given({"api_key": Secret(GOOD)}, {})

    def slow(*arguments, **options):
        """Answer the first while the second has long finished."""
        handing.hand_over(link.items.get(), given, now=now)
        return outbound.send(*arguments, **options)

    with pytest.raises(handing.NotTaken, match="done_already"):
        handing.hand_over(link.items.get(), given, now=now, send=slow)
    assert StoredSecret.objects.get().versions.count() == 1


def test_22_a_link_withdrawn_while_the_key_is_tried(asked):
    link, _ = asked

    def slow(*arguments, **options):
        revoke_link(ClientLink.objects.get(), actor=SYSTEM, now=timezone.now())
        return outbound.send(*arguments, **options)

    with pytest.raises(handing.NotTaken):
        handing.hand_over(link.items.get(), handing.Given({"api_key": Secret(GOOD)}, {}), now=timezone.now(), send=slow)
    assert nothing_happened(link)


@pytest.mark.parametrize("lands_as", ["current", "pending"])
def test_23_another_address_for_the_key_that_is_in_use(phone, request_of, acme, vendor, lands_as):
    facts = {"variables": [{"name": "part", "source": "form", "pattern": "[a-z]{2,20}", "default": "usual"}]}
    connection = make_key_connection(acme, vendor, path="/{part}", facts=facts)
    connect_key(connection, {"api_key": Secret(RETIRED)}, actor=SYSTEM, now=timezone.now())
    _, path = request_of(connection, lands_as=lands_as)
    assert "var_part" not in phone.get(path).content.decode()
    assert hand_in(phone, path, var_part="evil").status_code == 303
    connection.refresh_from_db()
    assert connection.variables == {}
    assert vendor.requests[-1].startswith(b"GET /usual/me ")


def test_24_another_address_while_somebody_else_stores_a_key(request_of, acme, vendor):
    facts = {"variables": [{"name": "part", "source": "form", "pattern": "[a-z]{2,20}", "default": "usual"}]}
    connection = make_key_connection(acme, vendor, path="/{part}", facts=facts)
    link, _ = request_of(connection)
    given = handing.Given({"api_key": Secret(GOOD)}, {"part": "evil"})

    def send(*args, **options):
        if not StoredSecret.objects.exists():
            connect_key(handing.read(link.items.get()), {"api_key": Secret(RETIRED)}, actor=SYSTEM, now=timezone.now())
        return outbound.send(*args, **options)

    with pytest.raises(handing.NotTaken, match="not_now"):
        handing.hand_over(link.items.get(), given, now=timezone.now(), send=send)
    connection.refresh_from_db()
    assert (connection.variables, connection.secret.versions.count()) == ({}, 1)


def test_25_a_consent_at_a_host_that_the_app_is_not_for(phone, request_of, acme):
    app = make_app("GitLab", "gitlab", client_id="id", client_secret=Secret("s" * 40), actor=SYSTEM)
    environment = acme.environments.get(slug="production")
    about = {"provider_key": "gitlab", "kind": "oauth2", "oauth_app": app}
    connection = create_connection(acme, environment, actor=SYSTEM, now=timezone.now(), **about)
    link, path = request_of(connection)
    answer = phone.post(path, {"item": "1", "var_host": "git.evil.example"}, headers={"origin": OURS})
    assert (answer.status_code, nothing_happened_to(link)) == (422, True)
    assert "git.evil.example" not in answer.content.decode()
    connection.refresh_from_db()
    assert connection.variables == {}
    answer = phone.post(path, {"item": "1"}, headers={"origin": OURS})
    assert "https://gitlab.com/oauth/authorize" in answer.content.decode()


def nothing_happened_to(link):
    link.refresh_from_db()
    return link.used_at is None and not OAuthFlow.objects.exists()
