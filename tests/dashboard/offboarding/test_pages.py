"""The tab on which a client is off-boarded: Ada goes through it, Ben looks, Cora sees nothing."""

from __future__ import annotations

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from integrations import offboarding, sweeps
from integrations.models import Handover, Offboarding
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.canaries import canary
from tests.proving import prove

pytestmark = pytest.mark.django_db
URL = "/clients/acme/offboard/"
OURS = {"origin": "http://localhost:8000"}


@pytest.fixture
def stored(acme):
    about = {"actor": SYSTEM, "client": acme, "environment": acme.environments.first()}
    return vault.store(kind="note", label="Door code", fields={"note": Secret(canary("door-"))}, **about)


@pytest.fixture
def browser(browser_of, ada, stored):
    found = browser_of(ada)
    prove(found)
    return found


def run():
    """Do what the worker does."""
    now = timezone.now()
    return offboarding.revoke_due(now=now) + offboarding.carry_on(now=now)


def ended(browser):
    browser.post(f"{URL}begin/")
    browser.post(f"{URL}revoke/")
    run()


def test_ada_goes_through_it_to_the_certificate(browser, client, acme):
    assert "What this client has here" in browser.get(URL).content.decode()
    browser.post(f"{URL}begin/")
    assert "End every access" in browser.get(URL).content.decode()
    browser.post(f"{URL}revoke/")
    assert 'hx-trigger="every 2s"' in browser.get(URL).content.decode()
    run()
    page = browser.get(URL).content.decode()
    assert "1 thing is not confirmed as ended" in page
    browser.post(f"{URL}destroy/", {"name": "Acme", "is_at_once": "on"})
    run()
    page = browser.get(URL).content.decode()
    assert "it was verified that nothing opens" in page
    json_url, pdf_url = (re.search(rf"/offboardings/[^\"]+{ending}", page)[0] for ending in ("json", "pdf"))
    assert browser.get(pdf_url).content.startswith(b"%PDF-")
    file = browser.get(json_url).content
    assert json.loads(file)["certificate"]["client"]["name"] == "Acme"
    checked = client.post("/certificate/check", {"file": SimpleUploadedFile("c.json", file)}, headers=OURS)
    assert "Valid: this installation signed" in checked.content.decode()


def test_the_destruction_waits_and_is_undone(browser):
    ended(browser)
    browser.post(f"{URL}destroy/", {"name": "Acme"})
    run()
    assert "Until then it can be undone" in browser.get(URL).content.decode()
    browser.post(f"{URL}undo/")
    assert Offboarding.objects.get().stage == "revoked"


def test_a_wrong_name_destroys_nothing(browser):
    ended(browser)
    answer = browser.post(f"{URL}destroy/", {"name": "acme", "is_at_once": "on"})
    assert answer.status_code == 422
    assert "exactly as it is written here: Acme" in answer.content.decode()
    run()
    assert Offboarding.objects.get().stage == "revoked"


def test_secrets_are_handed_over_each_by_a_link_of_its_own(browser, stored):
    browser.post(f"{URL}begin/")
    terms = {"views": "1", "works_for": "24", "confirm": "", "language": "en"}
    answer = browser.post(f"{URL}hand-over/", terms | {"chosen": [str(stored.pk)]}, follow=True)
    assert len(re.findall(r'value="http://localhost:8000/handover/', answer.content.decode())) == 1
    assert Handover.objects.get().label == "Door code"
    assert "will open nothing any more" not in browser.get(URL).content.decode()
    browser.post(f"{URL}revoke/")
    run()
    assert "1 one-time link was not read yet" in browser.get(URL).content.decode()


def test_the_archive_is_downloaded(browser):
    browser.post(f"{URL}begin/")
    assert b"".join(browser.post(f"{URL}export/")).startswith(b"PK")
    sealed = browser.post(f"{URL}export/", {"passphrase": "correct horse"})
    assert b"".join(sealed).startswith(b"age-encryption.org")
    assert AuditEvent.objects.filter(action="offboarding.exported").count() == 2


@pytest.mark.parametrize("act", ["begin", "revoke", "hand-over", "export", "destroy"])
def test_a_step_that_matters_asks_again_who_it_is(browser, act):
    prove(browser, at=0)
    assert "reauthenticate" in browser.post(f"{URL}{act}/")["Location"]
    assert not Offboarding.objects.exists()


def test_ben_looks_and_cora_sees_nothing(browser_of, browser, ben, cora):
    browser.post(f"{URL}begin/")
    watching = browser_of(ben)
    prove(watching)
    page = watching.get(URL).content.decode()
    assert ("Door code" in page, '<form method="post" action="/clients/acme/offboard' in page) == (True, False)
    assert watching.post(f"{URL}destroy/", {"name": "Acme"}).status_code == 403
    assert browser_of(cora).get(URL).status_code == 404


def test_an_item_of_another_client_is_not_checked(browser):
    browser.post(f"{URL}begin/")
    for item in ("x", "00000000-0000-7000-8000-000000000000"):
        page = browser.post(f"{URL}check/", {"item": item}, follow=True).content.decode()
        assert "Look at where it stands" in page


def test_the_page_asks_the_database_little(browser, at_most_queries):
    ended(browser)
    browser.get(URL)
    with at_most_queries(32, calls=2):
        browser.get(URL)


def test_the_worker_knows_of_it():
    assert "offboarding" in sweeps.TIMETABLE


@pytest.mark.parametrize(
    "sent", ["", "{", "[]", '{"certificate": {}, "signature": ""}', "null", "[" * 5000, '{"certificate": 1}']
)
def test_what_is_no_certificate_is_not_valid(client, sent):
    answer = client.post("/certificate/check", {"text": sent}, headers=OURS)
    assert (answer.status_code, "Not valid" in answer.content.decode()) == (200, True)


def test_the_check_takes_only_what_our_own_page_sends(client):
    answer = client.post("/certificate/check", {"text": "{}"}, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert not client.get("/certificate/check").cookies
