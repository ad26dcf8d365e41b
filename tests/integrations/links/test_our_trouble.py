"""The vault is locked or the disk is full while a client does their part: a plain page, and nothing is lost."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from integrations.models import ClientLink, Connection
from secrets_vault import vault
from secrets_vault.errors import AuditUnavailable, VaultLocked
from secrets_vault.models import StoredSecret
from tests.integrations.links.test_packs import come_back
from tests.integrations.links.test_requests import OURS, hand_in
from tests.integrations.links.vendor import GOOD, make_key_connection
from tests.integrations.oauth.world import consent_at

pytestmark = pytest.mark.django_db
TROUBLES = [VaultLocked("locked"), AuditUnavailable("full"), OperationalError("database or disk is full: " + GOOD)]


def break_down(monkeypatch, name, trouble):
    def refuse(*_, **__):
        raise trouble

    monkeypatch.setattr(vault, name, refuse)


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("name", ["store", "find_value"])
def test_a_key_that_cannot_be_stored_leaves_the_link_and_what_was_typed(
    phone, request_of, acme, vendor, monkeypatch, caplog, name, trouble
):
    facts = {"variables": [{"name": "part", "source": "form", "pattern": "[a-z]{2,20}"}]}
    connection = make_key_connection(acme, vendor, path="/{part}", facts=facts)
    link, path = request_of(connection)
    with monkeypatch.context() as broken:
        break_down(broken, name, trouble)
        answer = hand_in(phone, path, var_part="usual", made_today="1")
    page = answer.content.decode()
    assert (answer.status_code, "Keep what you copied" in page, GOOD in page, GOOD in caplog.text) == (
        503, True, False, False,
    )  # fmt: skip
    assert 'value="usual"' in page
    assert 'name="made_today" value="1" checked' in page
    link.refresh_from_db()
    assert (link.used_at, StoredSecret.objects.exists()) == (None, False)
    assert hand_in(phone, path, var_part="usual").status_code == 303


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_consent_that_cannot_be_stored_is_given_back_and_can_be_given_again(
    reachable, connection, link_of, phone, monkeypatch, trouble
):
    link, path = link_of(language="de")
    url = phone.post(path, headers={"origin": OURS}).context["url"]
    with monkeypatch.context() as broken:
        break_down(broken, "store", trouble)
        answer = come_back(phone, consent_at(reachable, url))
    assert (answer.status_code, "gerade nicht gespeichert" in answer.content.decode()) == (503, True)
    link.refresh_from_db()
    assert (link.used_at, link.failed_code) == (None, "not_stored")
    again = phone.post(path, headers={"origin": OURS}).context["url"]
    assert come_back(phone, consent_at(reachable, again)).status_code == 303
    assert Connection.objects.get(pk=connection.pk).status == "connected"


@pytest.mark.parametrize("kind", ["connect", "request", "handover"])
def test_a_locked_vault_is_no_error_page_at_any_link(phone, db, monkeypatch, kind):
    break_down(monkeypatch, "keyed_hash", VaultLocked("locked"))
    for method in ("get", "post"):
        answer = getattr(phone, method)(f"/{kind}/{'A' * 43}", headers={"origin": OURS, "accept-language": "nl"})
        assert (answer.status_code, "Dat kan nu even niet" in answer.content.decode()) == (503, True)
        assert answer["Retry-After"] == "60"
    assert not ClientLink.objects.exists()
