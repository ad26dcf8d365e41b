"""Settings: oneself, one's sessions, and what only the owner sees."""

from __future__ import annotations

from smtplib import SMTPAuthenticationError

import pytest
from django.test import Client as Browser
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from dashboard.pages.settings import address
from dashboard.pages.settings import mail as mail_page
from integrations import outbound
from secrets_vault.backup import Lock
from secrets_vault.backup.archive import unpack
from secrets_vault.models import AuditEvent, InstallationSetting, Session, User
from secrets_vault.secret import Secret
from tests.proving import prove

pytestmark = pytest.mark.django_db
OWNERS = ["settings_rotation", "settings_mail", "settings_address", "settings_background", "settings_backup"]


def browser_for(user) -> Browser:
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(user)
    return browser


@pytest.mark.parametrize("name", ["settings", "settings_security"])
def test_everyone_has_their_own_settings(cora, name):
    assert browser_for(cora).get(reverse(f"dashboard:{name}")).status_code == 200


@pytest.mark.parametrize("name", OWNERS)
def test_what_concerns_the_installation_is_the_owners(ada, olive, name):
    for user, status in ((ada, 404), (olive, 200)):
        browser = browser_for(user)
        prove(browser)
        assert browser.get(reverse(f"dashboard:{name}")).status_code == status


def test_the_profile_is_saved_and_written_down(cora):
    data = {"name": "Cora C.", "time_zone": "Europe/Berlin"}
    assert browser_for(cora).post(reverse("dashboard:settings"), data).status_code == 302
    cora = User.objects.get(pk=cora.pk)
    assert (cora.name, cora.time_zone, cora.wants_digest) == ("Cora C.", "Europe/Berlin", False)
    assert AuditEvent.objects.filter(action="user.changed").exists()


def test_nobody_makes_themselves_the_owner(cora):
    data = {"name": "Cora", "time_zone": "UTC", "is_owner": "on", "email": "x@example.com"}
    browser_for(cora).post(reverse("dashboard:settings"), data)
    cora = User.objects.get(pk=cora.pk)
    assert (cora.is_owner, cora.email) == (False, "cora@example.com")


def test_another_browser_of_mine_is_ended(cora):
    here, there = browser_for(cora), browser_for(cora)
    assert here.get(reverse("dashboard:settings_security")).content.count(b"this device") == 1
    here.post(reverse("dashboard:settings_end_session"), {"which": "others"})
    assert Session.objects.count() == 1
    assert there.get(reverse("dashboard:settings")).status_code == 302


def test_nobody_ends_a_session_of_somebody_else(cora, ada):
    browser_for(ada)
    name = Session.objects.get().name
    assert browser_for(cora).post(reverse("dashboard:settings_end_session"), {"which": name}).status_code == 404
    assert Session.objects.filter(user=ada).exists()


def test_what_a_mail_server_says_is_put_in_words_without_quoting_it():
    problem = SMTPAuthenticationError(535, b"bad password hunter2pass")
    assert "hunter2pass" not in mail_page.why(problem)
    assert "refused the user name or password" in mail_page.why(problem)


def test_a_test_mail_goes_to_oneself(olive, mailoutbox):
    browser_for(olive).post(reverse("dashboard:settings_mail_test"))
    assert [m.to for m in mailoutbox] == [["olive@example.com"]]


def test_a_loopback_address_says_that_only_this_computer_reaches_it():
    assert "Only this computer" in address.examine().title


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        (outbound.Answer(200, (), b"ok"), "The address works"),
        (outbound.Answer(200, (), b"<html>"), "Something else answers"),
        (outbound.HostRefused("private"), "private address"),
        (outbound.UpstreamTimeout("late"), "did not answer"),
    ],
)
def test_the_address_is_tested_and_explained(monkeypatch, answer, title):
    def send(*_: object, **__: object) -> outbound.Answer:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(outbound, "send", send)
    with override_settings(IS_HTTPS=True, KEYLODGE_PUBLIC_URL="https://keys.example.com"):
        assert title in address.examine().title


def test_background_work_is_listed_before_it_ever_ran(olive):
    page = browser_for(olive).get(reverse("dashboard:settings_background")).content.decode()
    assert "No background work for five minutes" in page
    assert "not yet" in page


@pytest.mark.django_db(transaction=True)
def test_a_backup_is_downloaded_encrypted(olive):
    browser = browser_for(olive)
    prove(browser)
    data = {"passphrase": "correct horse battery", "again": "correct horse battery"}
    answer = browser.post(reverse("dashboard:settings_backup"), data)
    assert answer.headers["Content-Disposition"].endswith('.age"')
    assert b"olive@example.com" not in answer.content
    manifest, parts = unpack(Lock(passphrase=Secret("correct horse battery")).open(answer.content))
    assert manifest["rows"]["secrets_vault_user"] == 1
    assert parts


def test_two_passphrases_that_differ_are_told(olive):
    browser = browser_for(olive)
    prove(browser)
    answer = browser.post(reverse("dashboard:settings_backup"), {"passphrase": "a" * 12, "again": "b" * 12})
    assert answer.status_code == 422
    assert b"not the same" in answer.content


@pytest.mark.parametrize("name", ["settings_backup", "settings_kit"])
def test_a_backup_and_the_kit_ask_again_who_it_is(olive, name):
    answer = browser_for(olive).post(reverse(f"dashboard:{name}"))
    assert answer.url.startswith("/accounts/reauthenticate/")


@pytest.mark.django_db(transaction=True)
def test_the_recovery_kit_is_in_the_book(olive):
    browser = browser_for(olive)
    prove(browser)
    answer = browser.post(reverse("dashboard:settings_kit"))
    assert b"Wrapping key" in answer.content
    assert AuditEvent.objects.filter(action="recovery_kit.shown").exists()


def test_a_provider_gets_a_rule_of_its_own(olive, acme):
    from secrets_vault import vault
    from secrets_vault.actor import COMMAND

    fields = {"api_key": Secret("a-value-0123456789")}
    where = {"client": acme, "environment": acme.environments.first()}
    vault.store(actor=COMMAND, kind="api_key", label="x", fields=fields, provider_key="stripe", **where)
    browser = browser_for(olive)
    assert "Stripe" in browser.get(reverse("dashboard:settings_rotation")).content.decode()
    assert browser.post(reverse("dashboard:settings_rotation"), {"days_stripe": "731"}).status_code == 422
    assert browser.post(reverse("dashboard:settings_rotation"), {"days_stripe": "45"}).status_code == 302
    assert b'value="45"' in browser.get(reverse("dashboard:settings_rotation")).content


def test_a_clock_that_was_set_is_said_with_background_work(olive):
    value = {"at": timezone.now().isoformat(), "by_s": -172_800}
    InstallationSetting.objects.create(key="clock.set", value=value)
    page = browser_for(olive).get(reverse("dashboard:settings_background")).content.decode()
    assert "The clock of this machine was put back by 2 days" in page
