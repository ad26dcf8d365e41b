"""Pausing a gateway token, and the switches for silences and bursts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations import tokens
from integrations.models import CallHour, CallWatch, Connection
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def connection(acme):
    about = {"client": acme, "environment": acme.environments.first(), "provider_key": "hubspot", "kind": "oauth2"}
    return Connection.objects.create(slug="acme-hubspot", label="HubSpot", status="connected", **about)


@pytest.fixture
def token(acme, connection):
    made, _text = tokens.make(acme, "Nightly sync", [connection], actor=SYSTEM)
    return made


def text(answer) -> str:
    return answer.content.decode()


def calls(connection, token=None, *, days=15, n=300):
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    about = {"connection_id": connection.pk, "client_id": connection.client_id, "calls": n}
    about |= {"token_id": token.pk} if token else {}
    CallHour.objects.bulk_create(CallHour(hour=now - each * HOUR, **about) for each in range(days * 24))


def test_a_token_is_paused_and_goes_on_and_the_book_says_so(browser_of, ada, token):
    browser, page = browser_of(ada), f"/tokens/{token.pk}/pause/"
    assert "Pause this token?" in text(browser.get(page))
    token.refresh_from_db()
    assert token.paused_at is None  # looking changes nothing
    assert "token_paused" in text(browser.post(page, {"do": "pause"}, follow=True))
    token.refresh_from_db()
    assert token.paused_at is not None
    assert "Paused" in text(browser.get("/clients/acme/tokens/"))
    browser.post(page, {"do": "resume"})
    token.refresh_from_db()
    assert token.paused_at is None
    actions = AuditEvent.objects.filter(action__in=["token.paused", "token.resumed"]).order_by("pk")
    assert list(actions.values_list("action", flat=True)) == ["token.paused", "token.resumed"]


@pytest.mark.parametrize("who", ["ben", "cora"])
def test_who_may_not_change_the_client_pauses_nothing(request, browser_of, token, who):
    browser = browser_of(request.getfixturevalue(who))
    assert browser.get(f"/tokens/{token.pk}/pause/").status_code == 404
    assert browser.post(f"/tokens/{token.pk}/pause/", {"do": "pause"}).status_code == 404


def test_the_page_shows_what_is_usual_and_what_would_count(browser_of, ada, connection, token):
    calls(connection, token)
    page = text(browser_of(ada).get(f"/tokens/{token.pk}/pause/"))
    assert "Left empty, 3000 calls an hour would count." in page


def test_a_token_has_a_switch_and_a_number_of_its_own(browser_of, ada, token):
    browser = browser_of(ada)
    browser.post(f"/tokens/{token.pk}/pause/", {"limit": "900"})
    watch = CallWatch.objects.get(token=token)
    assert (watch.is_on, watch.limit) == (False, 900)
    assert browser.post(f"/tokens/{token.pk}/pause/", {"limit": "0"}).status_code == 422


def test_a_connection_says_when_one_would_hear_and_takes_hours_instead(browser_of, ada, connection):
    calls(connection)
    browser, page = browser_of(ada), "/connections/acme-hubspot/watch/"
    shown = text(browser.get(page))
    assert "Usual here are 300 calls an hour." in shown
    assert "you would hear of it in about" in shown
    assert browser.post(page, {"is_on": "on", "limit": "12"}).status_code == 302
    watch = CallWatch.objects.get(connection=connection)
    assert (watch.is_on, watch.limit) == (True, 12)
    assert browser.post(page, {"is_on": "on", "limit": "9999"}).status_code == 422


def test_what_is_not_known_yet_is_not_guessed(browser_of, ada, connection):
    assert "not known yet" in text(browser_of(ada).get("/connections/acme-hubspot/watch/"))
    assert 'href="/connections/acme-hubspot/watch/"' in text(browser_of(ada).get("/connections/acme-hubspot/"))
