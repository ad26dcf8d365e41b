"""An account that nobody has confirmed: said on Today, in the list and at the connection, until a manager looked."""

import pytest

from integrations.models import Connection
from secrets_vault.models import AuditEvent

pytestmark = pytest.mark.django_db
AT = "/connections/acme-fake/"


@pytest.fixture(autouse=True)
def unconfirmed(connection):
    about = {"expected_account_id": "portal-<7>", "account_unconfirmed": True, "status": "connected"}
    Connection.objects.filter(pk=connection.pk).update(**about)


def test_it_is_said_wherever_the_connection_stands(browser_of, ben):
    browser = browser_of(ben)
    assert "is not confirmed" in browser.get("/").content.decode()
    assert "not confirmed" in browser.get("/connections/").content.decode()
    page = browser.get(AT).content.decode()
    assert "to be for the account portal-&lt;7&gt;." in page
    assert "account/confirm/" not in page


@pytest.mark.parametrize(("who", "status", "is_open"), [("ada", 302, False), ("ben", 404, True), ("cora", 404, True)])
def test_who_may_confirm_it(request, browser_of, connection, who, status, is_open):
    browser = browser_of(request.getfixturevalue(who))
    assert browser.get(f"{AT}account/confirm/").status_code == 405
    assert browser.post(f"{AT}account/confirm/").status_code == status
    connection.refresh_from_db()
    assert connection.account_unconfirmed is is_open
    assert AuditEvent.objects.filter(action="connection.account_confirmed").exists() is not is_open


def test_once_confirmed_it_is_said_no_more(browser_of, ada):
    browser = browser_of(ada)
    assert "Confirmed: portal-&lt;7&gt;." in browser.post(f"{AT}account/confirm/", follow=True).content.decode()
    assert "is not confirmed" not in browser.get("/").content.decode()
