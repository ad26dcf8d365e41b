"""An import of more than one batch: with progress, resumable, and nothing stored twice."""

from __future__ import annotations

import io
import json

import pytest
from django.db import OperationalError

from dashboard.pages.vault.importing import storing
from dashboard.pages.vault.importing.drafts import DRAFT_KEY
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.errors import VaultLocked
from secrets_vault.models import AuditEvent, SecretVersion, Session, StoredSecret
from secrets_vault.people.sessions import SessionStore
from secrets_vault.secret import Secret

PASTE, PREVIEW, RUN = "/vault/import/", "/vault/import/preview/", "/vault/import/run/"
STORE = {"go": "store", "set_label": ".env", "is_age_unknown": "on"}
BATCH, MANY = 10, 35


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(storing, "A_BATCH", BATCH)


@pytest.fixture
def browser(browser_of, ada, acme):
    return browser_of(ada)


def read(browser, acme, many=MANY, **extra):
    rows = [{"name": f"K{n}", "value": f"ghp_{n:036d}"} for n in range(many)]
    data = json.dumps(rows + [{"name": name, "value": value} for name, value in extra.items()])
    place = str(acme.environments.get(slug="production").pk)
    browser.post(PASTE, {"place": place, "how": "each", "file": io.BytesIO(data.encode())})
    return browser.post(PREVIEW, STORE)


def stored():
    return StoredSecret.objects.filter(label__startswith="K").count()


@pytest.mark.django_db
def test_more_than_a_batch_is_stored_batch_by_batch_with_progress(browser, acme, log):
    assert read(browser, acme).url == RUN
    assert stored() == 0
    for done in (10, 20, 30):
        page = browser.post(RUN).content.decode()
        assert (f"{done} of 35 done" in page, stored(), "ghp_" in page) == (True, done, False)
        assert f'value="{done}"' in page
        assert f"{done} of 35 are stored." in browser.get(PASTE).content.decode()
        assert browser.get(PREVIEW).url == RUN
    end = browser.post(RUN, follow=True)
    assert "35 secrets are stored." in end.content.decode()
    assert (stored(), SecretVersion.objects.count(), DRAFT_KEY in browser.session) == (35, 35, False)
    assert AuditEvent.objects.filter(action="secret.stored").count() == 35
    assert "ghp_0" not in log.getvalue()
    assert b"ghp_0" not in b"".join(bytes(row.sealed_data) for row in Session.objects.all())


@pytest.mark.django_db
def test_htmx_gets_the_progress_alone_and_is_led_on_at_the_end(browser, acme):
    read(browser, acme, many=15)
    part = browser.post(RUN, headers={"hx-request": "true", "hx-target": "import-run"}).content.decode()
    assert part.lstrip().startswith("<section")
    end = browser.post(RUN, headers={"hx-request": "true", "hx-target": "import-run"})
    assert end["HX-Redirect"] == "/vault/?client=acme"


@pytest.mark.django_db
@pytest.mark.parametrize("trouble", [VaultLocked("The vault is locked."), None])
def test_a_batch_that_breaks_off_is_stored_whole_by_the_next_try(browser, acme, monkeypatch, trouble):
    read(browser, acme)
    browser.post(RUN)
    real, calls = vault.store, []

    def breaks(**about):
        calls.append(about)
        if len(calls) == 5:
            raise trouble or OperationalError("disk full")
        return real(**about)

    with monkeypatch.context() as broken:
        broken.setattr(vault, "store", breaks)
        if trouble is None:
            with pytest.raises(OperationalError):
                browser.post(RUN)
        else:
            assert "The vault is locked." in browser.post(RUN).content.decode()
    assert stored() == 10
    while browser.post(RUN).status_code == 200:
        pass
    assert (stored(), SecretVersion.objects.count()) == (35, 35)


@pytest.mark.django_db
def test_what_cannot_be_stored_is_left_out_by_name_and_the_rest_goes_on(browser, acme):
    key = vault.store(
        actor=COMMAND, client=acme, environment=acme.environments.get(slug="production"), kind="api_key",
        label="K3", fields={"api_key": Secret("an-older-value-1")},
    )  # fmt: skip
    rows = [{"name": f"K{n}", "value": f"ghp_{n:036d}"} for n in range(15)]
    place = str(acme.environments.get(slug="production").pk)
    browser.post(PASTE, {"place": place, "how": "each", "file": io.BytesIO(json.dumps(rows).encode())})
    row = {
        "act-3": f"version:{key.pk}:{key.current_id}",
        "label-3": "K3",
        "provider-3": "",
        "place-3": "acme/production",
    }
    browser.post(PREVIEW, STORE | row)
    vault.replace(key, {"api_key": Secret("somebody-elses-value")}, actor=COMMAND)
    browser.post(RUN)
    assert "newer version meanwhile" in browser.post(RUN).content.decode()
    end = browser.post(RUN, {"leave_out": "1"}, follow=True).content.decode()
    assert "Left out: K3" in end
    assert "14 secrets are stored." in end
    assert vault.use(key, actor=COMMAND, purpose="test")["api_key"].expose() == "somebody-elses-value"


@pytest.mark.django_db
def test_the_rest_can_be_thrown_away_and_what_is_stored_stays(browser, acme):
    read(browser, acme)
    browser.post(RUN)
    page = browser.post("/vault/import/drop/", follow=True).content.decode()
    assert "What was stored stays" in page
    assert (stored(), browser.post(RUN).url) == (10, PASTE)


@pytest.mark.django_db
def test_who_lost_the_right_meanwhile_stores_no_more(browser, acme, ada):
    read(browser, acme)
    browser.post(RUN)
    ada.memberships.update(role="viewer")
    assert "Something of it is gone" in browser.post(RUN).content.decode()
    assert stored() == 10


@pytest.mark.django_db
def test_who_pressed_while_another_request_stored_goes_on_after_it(browser_of, browser, acme, ada, monkeypatch):
    """The second has read the session before the first wrote it, and waits for its row meanwhile."""
    read(browser, acme, many=25)
    first = browser_of(ada)
    first.cookies = browser.cookies
    real, waited = SessionStore.read_again, []

    def wait(session):
        if not waited:
            waited.append(True)
            assert first.post(RUN).status_code == 200
        real(session)

    monkeypatch.setattr(SessionStore, "read_again", wait)
    assert "20 of 25 done" in browser.post(RUN).content.decode()
    assert browser.post(RUN).status_code == 302
    assert (stored(), SecretVersion.objects.count()) == (25, 25)
