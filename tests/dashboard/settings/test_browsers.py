"""Browsers by the names people know, whatever else they say of themselves."""

from __future__ import annotations

import pytest

from dashboard.browsers import browser_words
from secrets_vault.models import Session

KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KIT} Chrome/156.0.0.0 Safari/537.36"
IOS = "AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (CHROME, "Chrome on Windows"),
        (f"{CHROME} Edg/156.0.0.0", "Edge on Windows"),
        (f"{CHROME} OPR/120.0.0.0", "Opera on Windows"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {KIT} Chrome/156.0.0.0 Safari/537.36", "Chrome on Linux"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {KIT} Chrome/156.0.0.0 Safari/537.36", "Chrome on ChromeOS"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {KIT} Chrome/156.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0", "Firefox on Linux"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {IOS} Version/26.0 Safari/605.1.15", "Safari on Mac"),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) {IOS} Version/26.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (f"Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) {IOS} CriOS/156.0 Mobile/15E148", "Chrome on iPad"),
        ("curl/8.14.1", "curl"),
        ("Something (Windows NT 10.0)", "Unknown browser on Windows"),
        ("", "Unknown browser"),
        ("<b>x</b>", "Unknown browser"),
    ],
)
def test_a_browser_is_called_what_people_call_it(user_agent, words):
    assert browser_words(user_agent) == words


@pytest.mark.django_db
def test_this_device_comes_first_and_others_can_be_signed_out(browser_of, ada):
    browser, _other = browser_of(ada), browser_of(ada)
    Session.objects.filter(user=ada).update(user_agent=CHROME)
    page = browser.get("/settings/security/").content.decode()
    rows = page.split("<tbody>")[1].split("<tr>")[1:]
    assert ["this device" in row for row in rows] == [True, False]
    assert all("Chrome on Windows" in row for row in rows)
    assert f'title="{CHROME}"' in page
    browser.post("/settings/security/end/", {"which": "others"})
    assert Session.objects.filter(user=ada).count() == 1
    assert browser.get("/settings/").status_code == 200
