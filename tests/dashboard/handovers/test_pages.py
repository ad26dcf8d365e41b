"""The pages that make, list and end one-time links, for Ada, Ben and Cora."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import handover
from integrations.handover import Terms
from integrations.models import Handover
from secrets_vault import vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.canaries import canary
from tests.proving import prove

pytestmark = pytest.mark.django_db
TERMS = {"label": "Stripe key", "views": "1", "works_for": "24", "confirm": "", "language": "de"}


@pytest.fixture
def value():
    return canary("sk_live_")


@pytest.fixture
def stored(acme, value):
    about = {"actor": SYSTEM, "client": acme, "environment": acme.environments.first()}
    return vault.store(kind="api_key", label="Stripe", fields={"api_key": Secret(value)}, **about)


@pytest.fixture
def proven(browser_of):
    def made(user):
        browser = browser_of(user)
        prove(browser)
        return browser

    return made


def make(acme, ada, n=1, **terms):
    now = timezone.now()
    return [
        handover.share_text(
            Secret("text"), Terms(label=f"Note {i}", **terms), client=acme, actor=Actor.of(ada), now=now
        )[0]
        for i in range(n)
    ]


def test_ada_hands_a_secret_out_and_sees_the_link_once(proven, ada, stored, client, value):
    browser = proven(ada)
    page = browser.get(f"/vault/{stored.pk}/").content.decode()
    assert f"/vault/{stored.pk}/hand-out/?field=api_key" in page
    form = browser.get(f"/vault/{stored.pk}/hand-out/?field=api_key").content.decode()
    assert re.search(r'value="api_key"[^>]*checked', form)
    answer = browser.post(f"/vault/{stored.pk}/hand-out/", TERMS | {"chosen": ["api_key"]}, follow=True)
    path = re.search(r"/handover/[A-Za-z0-9_-]{43}", answer.content.decode())[0]
    assert path not in browser.get("/vault/handovers/").content.decode()
    read = client.post(path, headers={"origin": "http://localhost:8000"}).content.decode()
    assert value in read
    assert '<html lang="de"' in read
    events = list(AuditEvent.objects.filter(action__in=("secret.handed_out", "handover.made")).order_by("seq"))
    assert [event.action for event in events] == ["secret.handed_out", "handover.made"]
    assert value not in str([event.details for event in events])


def test_ada_shares_a_text(proven, ada, acme, client):
    answer = proven(ada).post("/vault/handovers/new/", TERMS | {"text": "the text", "client": "acme"}, follow=True)
    path = re.search(r"/handover/[A-Za-z0-9_-]{43}", answer.content.decode())[0]
    assert "the text" in client.post(path, headers={"origin": "http://localhost:8000"}).content.decode()


def test_a_refused_form_gives_no_text_and_no_passphrase_back(proven, ada, acme):
    typed = canary("two words ")
    for wrong in ({"views": "99"}, {"confirm": "email"}, {"works_for": "9999"}):
        sent = TERMS | {"text": typed, "passphrase": typed, "client": "acme"} | wrong
        answer = proven(ada).post("/vault/handovers/new/", sent)
        assert answer.status_code == 422
        assert typed not in answer.content.decode()
    assert not Handover.objects.exists()


def test_making_one_asks_again_who_it_is(browser_of, ada, stored):
    browser = browser_of(ada)
    prove(browser, at=0)
    answer = browser.post(f"/vault/{stored.pk}/hand-out/", TERMS | {"chosen": ["api_key"]})
    assert "reauthenticate" in answer["Location"]
    assert not Handover.objects.exists()


def test_ben_looks_and_cora_sees_nothing(browser_of, proven, ada, ben, cora, acme, stored):
    (row,) = make(acme, ada)
    assert "Note 0" in browser_of(ben).get("/vault/handovers/").content.decode()
    assert proven(ben).post(f"/vault/handovers/{row.pk}/revoke/").status_code == 404
    assert "Note 0" not in browser_of(cora).get("/vault/handovers/").content.decode()
    assert proven(cora).get(f"/vault/{stored.pk}/hand-out/").status_code == 404
    assert proven(cora).get("/vault/handovers/new/").status_code == 403


def test_ada_revokes_a_link(browser_of, ada, acme):
    (row,) = make(acme, ada)
    browser_of(ada).post(f"/vault/handovers/{row.pk}/revoke/")
    row.refresh_from_db()
    assert row.revoked_at is not None
    assert row.sealed is None


def test_the_filter_narrows_by_state_words_and_client(browser_of, ada, acme):
    rows = make(acme, ada, 3)
    handover.revoke(rows[1], actor=Actor.of(ada), now=timezone.now())
    browser = browser_of(ada)
    page = browser.get("/vault/handovers/?state=revoked").content.decode()
    assert ("Note 1" in page, "Note 0" in page) == (True, False)
    page = browser.get("/vault/handovers/?state=made&q=note&client=acme").content.decode()
    assert ("Note 1" in page, "Note 0" in page) == (False, True)
    assert "No link matches" in browser.get("/vault/handovers/?q=nothing").content.decode()


def test_the_filtered_list_is_a_file(proven, ada, acme):
    rows = make(acme, ada, 2)
    handover.revoke(rows[1], actor=Actor.of(ada), now=timezone.now())
    answer = proven(ada).post("/vault/handovers/export/", {"state": "revoked"})
    lines = list(csv.reader(io.StringIO(b"".join(answer).decode())))
    assert [line[0] for line in lines] == ["what", "Note 1"]
    assert AuditEvent.objects.filter(action="export.made").exists()


def test_many_links_come_in_pages_by_few_queries(browser_of, ada, acme, at_most_queries):
    about = {"client": acme, "created_by": ada, "tries_left": 5, "created_at": timezone.now()}
    about |= {"expires_at": timezone.now() + timedelta(days=1)}
    Handover.objects.bulk_create(Handover(token_hash=n.to_bytes(32), label=f"Note {n}", **about) for n in range(200))
    browser = browser_of(ada)
    browser.get("/vault/handovers/")
    with at_most_queries(14, calls=1):
        page = browser.get("/vault/handovers/").content.decode()
    assert page.count("data-row>") == 50
    assert "after=" in page


def test_the_empty_list_says_how_to_begin(browser_of, ada):
    assert "Nothing was handed out yet" in browser_of(ada).get("/vault/handovers/").content.decode()
