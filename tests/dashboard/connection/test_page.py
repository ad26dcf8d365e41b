"""One connection's page: what it says, who sees it, and what it does not hold."""

from __future__ import annotations

import pytest
from django.urls import reverse

from integrations.models import Connection
from tests.integrations.gateway.conftest import KEY
from tests.proving import prove

pytestmark = pytest.mark.django_db
CHANGES = ("rename", "pause", "resume", "probe", "credential", "disconnect", "delete", "call")


def url(name: str, *args: object) -> str:
    return reverse(f"dashboard:{name}", args=args)


@pytest.mark.parametrize(("who", "status"), [("ada", 200), ("ben", 200), ("olive", 200), ("cora", 404)])
def test_who_sees_the_page(request, browser_of, connection, who, status):
    browser = browser_of(request.getfixturevalue(who))
    assert browser.get(url("connection", connection.slug)).status_code == status
    assert browser.get(url("connection_n8n", connection.slug)).status_code == status


@pytest.mark.parametrize("who", ["ben", "cora"])
@pytest.mark.parametrize("name", CHANGES)
def test_who_may_not_manage_changes_nothing(request, browser_of, connection, who, name):
    browser = browser_of(request.getfixturevalue(who))
    prove(browser)
    before = Connection.objects.values().get(pk=connection.pk)
    answer = browser.post(url(f"connection_{name}", connection.slug), {"label": "mine", "method": "GET", "path": "/"})
    assert answer.status_code == 404
    assert Connection.objects.values().get(pk=connection.pk) == before


def test_a_viewer_is_offered_no_act(browser_of, ben, connection, token):
    page = browser_of(ben).get(url("connection", connection.slug)).content.decode()
    main = page.split("<main", 1)[1]
    assert 'method="post"' not in main.split("</main>")[0]
    assert "Make a token and copy" not in main


def test_no_page_of_a_connection_holds_the_credential(browser_of, ada, connection, token):
    browser = browser_of(ada)
    prove(browser)
    for name in ("connection", "connection_credential", "connection_n8n", "token_new"):
        assert KEY.encode() not in browser.get(url(name, connection.slug)).content
