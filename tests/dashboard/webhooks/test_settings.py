"""An endpoint's settings: its rules, its secret, pairing, its end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookTarget
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent, SecretVersion
from tests.factories import (
    make_webhook_delivery,
    make_webhook_endpoint,
    make_webhook_event,
    make_webhook_target,
)
from tests.proving import prove

pytestmark = pytest.mark.django_db
HOME = "/webhooks/acme-stripe/"
CANARY = "whsec_canary0123456789abcdef"
RULES = {"name": "Payments", "max_body_mb": "1", "ip_ranges": ""}


@pytest.fixture
def endpoint(acme):
    return make_webhook_endpoint(acme)


@pytest.fixture
def browser(browser_of, ada, endpoint):
    browser = browser_of(ada)
    prove(browser)
    return browser


def rules(browser, **typed):
    return browser.post(HOME + "settings/", RULES | typed)


def last_act():
    return AuditEvent.objects.order_by("-seq").first().action


@pytest.mark.parametrize("who", ["ben", "cora"])
@pytest.mark.parametrize("page", ["settings", "secret", "targets/new"])
def test_who_may_not_change_it_finds_no_settings(request, browser_of, endpoint, who, page):
    browser = browser_of(request.getfixturevalue(who))
    prove(browser)
    assert browser.get(f"{HOME}{page}/").status_code == 404


def test_settings_cost_as_many_queries_however_much_arrived(browser, endpoint, django_assert_max_num_queries):
    target = make_webhook_target(endpoint)
    for _ in range(20):
        make_webhook_delivery(make_webhook_event(endpoint), target)
    with django_assert_max_num_queries(22):
        assert browser.get(HOME + "settings/").status_code == 200


def test_rules_are_changed_and_written_in_the_book(browser, endpoint):
    typed = {"ip_ranges": "192.0.2.7/24\n2001:db8::1, 192.0.2.0/24", "per_minute": "60", "is_ordered": "on"}
    answer = rules(browser, silent_after_h="6", retention_days="7", max_body_mb="0.5", **typed)
    assert answer.status_code == 302
    endpoint.refresh_from_db()
    assert endpoint.ip_ranges == ["192.0.2.0/24", "2001:db8::1/128"]
    assert (endpoint.name, endpoint.per_minute, endpoint.is_ordered) == ("Payments", 60, True)
    assert (endpoint.silent_after_s, endpoint.retention_days, endpoint.max_body_bytes) == (6 * 3600, 7, 512 * 1024)
    assert last_act() == "webhook.changed"


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("ip_ranges", "192.0.2.300"), ("ip_ranges", "0.0.0.0/0"), ("ip_ranges", "<b>x</b>"), ("max_body_mb", "26"),
        ("per_minute", "0"), ("silent_after_h", "-1"), ("retention_days", "x"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_refused_at_its_field(browser, endpoint, field, typed):
    answer = rules(browser, **{field: typed})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert "<b>x</b>" not in answer.content.decode()


def test_saving_what_is_there_changes_nothing(browser, endpoint):
    before = AuditEvent.objects.count()
    answer = rules(browser, name="", max_body_mb="25")
    assert (answer.status_code, AuditEvent.objects.count()) == (302, before)


def test_a_rolled_secret_lets_the_old_one_count_for_as_long_as_was_said(browser, endpoint):
    read = str(endpoint.secret.current_id)
    typed = {"secret": CANARY, "made_on": "2026-11-20", "grace": "72", "read_version": read}
    assert browser.post(HOME + "secret/", typed).status_code == 302
    endpoint.refresh_from_db()
    assert vault.use(endpoint.secret, actor=SYSTEM, purpose="test")["secret"].expose() == CANARY
    assert abs(endpoint.previous_until - timezone.now() - timedelta(hours=72)) < timedelta(minutes=1)
    page = browser.get(HOME + "settings/").content.decode()
    assert "Version 1 counts until" in page
    browser.post(HOME + "secret/end/")
    endpoint.refresh_from_db()
    assert endpoint.previous_until is None


def test_a_secret_that_leaked_counts_no_longer_at_once(browser, endpoint):
    typed = {"secret": CANARY, "is_age_unknown": "on", "grace": "0"}
    browser.post(HOME + "secret/", typed)
    endpoint.refresh_from_db()
    assert endpoint.previous_until is None


def test_two_who_roll_at_once_are_told(browser, endpoint):
    read = str(endpoint.secret.current_id)
    typed = {"secret": CANARY, "is_age_unknown": "on", "grace": "24", "read_version": read}
    browser.post(HOME + "secret/", typed)
    answer = browser.post(HOME + "secret/", typed | {"secret": "another-one"})
    assert answer.status_code == 422
    assert SecretVersion.objects.filter(secret=endpoint.secret).count() == 2
    assert "another-one" not in answer.content.decode()


def test_the_first_secret_is_stored_where_there_was_none(browser_of, ada, acme):
    endpoint = make_webhook_endpoint(acme, "acme-late", secret="")
    browser = browser_of(ada)
    prove(browser)
    assert "grace" not in browser.get("/webhooks/acme-late/secret/").context["form"].fields
    browser.post("/webhooks/acme-late/secret/", {"secret": f" {CANARY}\n", "is_age_unknown": "on"})
    endpoint.refresh_from_db()
    assert vault.use(endpoint.secret, actor=SYSTEM, purpose="test")["secret"].expose() == CANARY
    assert endpoint.previous_until is None


def test_what_verifies_nothing_takes_no_secret(browser_of, ada, acme):
    make_webhook_endpoint(acme, "acme-none", scheme_key="none", is_verified_required=False, secret="")
    browser = browser_of(ada)
    prove(browser)
    assert browser.get("/webhooks/acme-none/secret/").status_code == 404


def test_pairing_lasts_a_quarter_of_an_hour_and_can_be_ended(browser_of, ada, acme):
    endpoint, browser = make_webhook_endpoint(acme, "acme-asana", scheme_key="asana", secret=""), browser_of(ada)
    assert "Start pairing" in browser.get("/webhooks/acme-asana/settings/").content.decode()
    browser.post("/webhooks/acme-asana/pair/")
    endpoint.refresh_from_db()
    assert abs(endpoint.pairing_until - timezone.now() - timedelta(minutes=15)) < timedelta(seconds=30)
    part = browser.get("/webhooks/acme-asana/settings/", headers={"HX-Request": "true"}).content.decode()
    assert "Pairing, 14:" in part
    assert part.strip().startswith('<div id="pairing"')
    browser.post("/webhooks/acme-asana/unpair/")
    endpoint.refresh_from_db()
    assert endpoint.pairing_until is None


def test_a_vendor_that_asks_nothing_needs_no_pairing(browser, endpoint):
    assert "Start pairing" not in browser.get(HOME + "settings/").content.decode()


@pytest.mark.parametrize(
    ("act", "field", "action"),
    [
        ("pause", "is_forwarding_paused", "webhook.forwarding_paused"),
        ("disable", "disabled_at", "webhook.disabled"),
    ],
)
def test_it_is_put_out_of_use_and_back(browser, endpoint, act, field, action):
    browser.post(f"{HOME}{act}/")
    endpoint.refresh_from_db()
    assert getattr(endpoint, field)
    assert last_act() == action
    browser.post(HOME + {"pause": "resume", "disable": "enable"}[act] + "/")
    endpoint.refresh_from_db()
    assert not getattr(endpoint, field)


def test_pressed_twice_it_is_written_once(browser, endpoint):
    for _ in range(2):
        browser.post(HOME + "disable/")
    assert AuditEvent.objects.filter(action="webhook.disabled").count() == 1


def test_it_is_deleted_only_when_its_address_was_typed(browser, endpoint):
    browser.post(HOME + "delete/", {"confirm": "acme"})
    assert WebhookEndpoint.objects.exists()


def test_a_deleted_endpoint_takes_everything_along_and_puts_its_secrets_aside(browser, endpoint, acme):
    target = make_webhook_target(endpoint)
    delivery = make_webhook_delivery(make_webhook_event(endpoint), target)
    delivery.tries.create(number=1, at=timezone.now(), status=500)
    other = make_webhook_endpoint(acme, "acme-other")
    kept = make_webhook_event(other)
    secret = endpoint.secret
    answer = browser.post(HOME + "delete/", {"confirm": " acme-stripe "})
    assert answer.headers["Location"] == "/webhooks/"
    assert list(WebhookEndpoint.objects.all()) == [other]
    assert list(WebhookEvent.objects.all()) == [kept]
    assert not WebhookTarget.objects.exists()
    assert not WebhookDelivery.objects.exists()
    secret.refresh_from_db()
    assert secret.deleted_at is not None
    event = AuditEvent.objects.get(action="webhook.deleted")
    assert (event.details["events"], event.object_id) == (1, str(endpoint.pk))
