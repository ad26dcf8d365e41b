"""Two requests of one browser at the same moment: nothing is stored twice, and neither undoes the other."""

from __future__ import annotations

import io
import json

import pytest

from dashboard.pages.vault.importing import running, storing
from secrets_vault.models import SecretVersion, StoredSecret
from secrets_vault.people import step_up
from tests.proving import prove

pytestmark = pytest.mark.django_db
PASTE, PREVIEW, RUN = "/vault/import/", "/vault/import/preview/", "/vault/import/run/"
STORE = {"go": "store", "set_label": ".env", "is_age_unknown": "on"}


@pytest.fixture
def browser(browser_of, ada):
    return browser_of(ada)


@pytest.fixture
def second(browser_of, browser, ada):
    tab = browser_of(ada)
    tab.cookies = browser.cookies
    return tab


def read(browser, acme, many):
    rows = [{"name": f"K{n}", "value": f"ghp_{n:036d}"} for n in range(many)]
    place = str(acme.environments.get(slug="production").pk)
    browser.post(PASTE, {"place": place, "how": "each", "file": io.BytesIO(json.dumps(rows).encode())})


def stored():
    return StoredSecret.objects.filter(label__startswith="K").count()


@pytest.mark.parametrize("many", [3, 25])
def test_who_presses_store_twice_stores_once(browser, second, acme, monkeypatch, many):
    monkeypatch.setattr(storing, "A_BATCH", 10)
    read(browser, acme, many)
    real, pressed = running.begin, []

    def begin(*about):
        if not pressed:
            pressed.append(True)
            assert second.post(PREVIEW, STORE).status_code == 302
            if many > 10:
                second.post(RUN)
        return real(*about)

    monkeypatch.setattr(running, "begin", begin)
    assert browser.post(PREVIEW, STORE).status_code == 302
    while second.post(RUN).status_code == 200:
        pass
    assert (stored(), SecretVersion.objects.count()) == (many, many)


def test_another_tab_that_writes_the_session_meanwhile_does_not_take_the_progress_back(
    browser, second, acme, monkeypatch
):
    monkeypatch.setattr(storing, "A_BATCH", 10)
    read(browser, acme, 25)
    browser.post(PREVIEW, STORE)
    prove(browser)
    real, met = step_up.renew, []

    def renew(request):
        real(request)
        if not met:
            met.append(True)
            assert "10 of 25 done" in browser.post(RUN).content.decode()

    monkeypatch.setattr(step_up, "renew", renew)
    second.post("/clients/acme/env-file/", {"environment": str(acme.environments.get(slug="staging").pk)})
    assert met
    while browser.post(RUN).status_code == 200:
        pass
    assert (stored(), SecretVersion.objects.count()) == (25, 25)
