"""Where a sign-in leads: within this site, whatever the address says (CWE-601)."""

from __future__ import annotations

from functools import partial
from urllib.parse import urljoin, urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.test import Client as AnyBrowser

from tests.factories import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.matrix]
Browser = partial(AnyBrowser, SERVER_NAME="localhost")
PASSWORD = "tavoki-lumare-pidosu"
PAYLOADS = [
    "https://evil.example",
    "http://evil.example/",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "\t//evil.example",
    " //evil.example",
    "\x01https://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:\\\\evil.example",
    "HTTPS://EVIL.EXAMPLE",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "ftp://evil.example",
    "https://localhost@evil.example",
    "https://localhost:pass@evil.example/",
    "https://localhost.evil.example",
    "https://evil.example#localhost",
    "https://evil.example?localhost",
    "https://evil.example\\@localhost",
    "https://[::ffff:203.0.113.1]/",
    "http://[evil.example]/",
    "https://evil。example",
    "//evil%2eexample",
    "/%2f%2fevil.example/..//evil.example",
    "//%5cevil.example",
    "https://evil.example%00.localhost",
    ".evil.example",
    "@evil.example",
    "",
]


@pytest.fixture
def ada():
    user = make_user("Ada", password=PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def stays(location: str) -> bool:
    """Tell whether a browser on our page that follows this stays with us (WHATWG URL: \\ is /, controls go)."""
    read = "".join(char for char in location if char not in "\t\n\r").strip("\x00\x01 ").replace("\\", "/")
    target = urlsplit(urljoin("http://localhost:8000/accounts/login/", read))
    return target.scheme == "http" and target.hostname == "localhost"


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("where", ["query", "form"])
def test_signing_in_leads_nowhere_else(ada, payload, where):
    form = {"login": ada.email, "password": PASSWORD}
    query = {"next": payload} if where == "query" else {}
    answer = Browser().post(
        "/accounts/login/", form | ({"next": payload} if where == "form" else {}), query_params=query
    )
    assert answer.status_code == 302
    assert stays(answer.headers["Location"]), answer.headers["Location"]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_proving_who_one_is_leads_nowhere_else(ada, payload):
    browser = Browser()
    browser.force_login(ada)
    answer = browser.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": payload})
    assert answer.status_code == 302
    assert stays(answer.headers["Location"]), answer.headers["Location"]


def test_the_check_itself_knows_a_way_out():
    assert not stays("//evil.example")
    assert not stays("/\\evil.example")
    assert stays("/vault/")
