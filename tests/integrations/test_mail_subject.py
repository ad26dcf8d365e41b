"""A name over several lines stands in a subject all the same: one mail that cannot be built would hold up all."""

from __future__ import annotations

import pytest
from django.utils import timezone

from integrations.links import make_link
from integrations.links.nudging import remind_due
from integrations.mail import deliver
from secrets_vault.actor import Actor
from tests.integrations.oauth.conftest import ada, connection, reachable, sandbox, shared_sandbox

__all__ = ["ada", "connection", "reachable", "sandbox", "shared_sandbox"]


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r", "\u2028", "\x0b"])
def test_a_subject_is_one_line_and_no_header_of_its_own(mailoutbox, break_):
    deliver("a@acme.example", f"Access for Mara{break_}Bcc: evil@else.example", "Hello")
    raw = mailoutbox[0].message().as_string()
    assert mailoutbox[0].subject == "Access for Mara Bcc: evil@else.example"
    assert mailoutbox[0].recipients() == ["a@acme.example"]
    assert "\nBcc" not in raw


@pytest.mark.django_db
def test_a_reminder_goes_out_whatever_the_name_of_who_asks(connection, ada, mailoutbox, settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    ada.name = "Mara\nBcc: evil@else.example"
    ada.save(update_fields=["name"])
    connection.is_sandbox = False
    connection.save(update_fields=["is_sandbox"])
    made_at = timezone.now()
    about = {"actor": Actor.of(ada), "sent_to": "office@acme.example", "reminds": True}
    link, _ = make_link(connection, now=made_at, **about)
    assert remind_due(now=link.remind_at) == 1
    assert mailoutbox[0].subject == "Reminder: access for Mara Bcc: evil@else.example"
