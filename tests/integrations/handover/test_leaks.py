"""What a one-time link holds is in no table, log, mail, message or event, in no dress."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core import mail
from django.utils import timezone

from integrations import handover
from integrations.handover import Terms
from integrations.mail import send_due
from secrets_vault.actor import Actor
from secrets_vault.secret import Secret
from tests.canaries import Net, canary
from tests.integrations.handover.conftest import OURS, press

pytestmark = pytest.mark.django_db


def everything():
    """Return every row of every model as text, blobs raw."""
    found = []
    for model in apps.get_models():
        for row in model._base_manager.values():
            found += [
                bytes(v).decode("latin-1") if isinstance(v, (bytes, memoryview)) else str(v) for v in row.values()
            ]
    return "\n".join(found)


def test_nothing_of_it_stays_anywhere(acme, ada, phone, mailed, log):
    text, passphrase = canary("text-"), canary("pass-")
    terms = Terms(label="Note", passphrase=passphrase, confirm="code", confirm_email="office@acme.example")
    _row, url = handover.share_text(Secret(text), terms, client=acme, actor=Actor.of(ada), now=timezone.now())
    token, path = url.rpartition("/")[2], url.removeprefix(OURS)
    net = Net({"text": text, "passphrase": passphrase, "token": token})
    assert not net.found_in("tables", everything())

    phone.get(path)
    press(phone, path, origin="https://evil.example", passphrase=passphrase)
    press(phone, path)
    code = mail.outbox[0].body.split("\n\n")[1]
    wrong = press(phone, path, code=code, passphrase=passphrase + "x")
    read = press(phone, path, code=code, passphrase=passphrase)
    assert text in read.content.decode()
    send_due(now=timezone.now())
    press(phone, path, code=code, passphrase=passphrase)

    pages = wrong.content.decode() + str(wrong.headers) + str(read.headers)
    letters = "\n".join(f"{letter.subject}\n{letter.body}" for letter in mail.outbox)
    assert len(mail.outbox) == 2
    for where, what in (("tables", everything()), ("log", log.getvalue()), ("pages", pages), ("mail", letters)):
        assert not net.found_in(where, what)
