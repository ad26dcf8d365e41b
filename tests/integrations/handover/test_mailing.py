"""A mail server that hangs or refuses, while somebody waits for the code that opens a one-time link."""

from __future__ import annotations

import threading
import time

import pytest
from django.core import mail as outbox
from django.db import connections

from integrations import mail
from integrations.handover import mailing
from integrations.models import Handover
from secrets_vault.models import AuditEvent
from tests.integrations.handover.conftest import press

CODE = {"confirm": Handover.Confirm.CODE, "confirm_email": "jo@acme.example"}


@pytest.fixture
def path(mailed, link_of):
    return link_of(**CODE)[1]


@pytest.mark.django_db
def test_a_code_that_is_refused_at_once_may_be_asked_for_again_and_again(phone, path, monkeypatch):
    def refuse(*_):
        raise TimeoutError

    with monkeypatch.context() as broken:
        broken.setattr(mail, "deliver", refuse)
        for _ in range(5):
            answer = press(phone, path, send="1")
            assert (answer.status_code, "could not be mailed" in answer.content.decode()) == (502, True)
    row = Handover.objects.get()
    assert (row.code_hash, row.codes_sent) == (None, 0)
    assert AuditEvent.objects.filter(action="handover.code_not_sent").count() == 5
    assert press(phone, path, send="1").status_code == 200
    assert len(outbox.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_a_mail_server_that_hangs_does_not_hold_the_page(phone, path, monkeypatch):
    answered, forgotten = threading.Event(), threading.Event()

    def hang(*_):
        answered.wait(30)
        raise OSError

    real = mailing.forget_code

    def forget(handover):
        real(handover)
        connections.close_all()
        forgotten.set()

    monkeypatch.setattr(mail, "deliver", hang)
    monkeypatch.setattr(mailing, "forget_code", forget)
    monkeypatch.setattr(mailing, "PATIENCE_S", 0.05)
    began = time.monotonic()
    answer = press(phone, path, send="1")
    assert time.monotonic() - began < 15
    assert (answer.status_code, "on its way to j…@acme.example" in answer.content.decode()) == (200, True)
    answered.set()
    assert forgotten.wait(30)
    assert Handover.objects.get().code_hash is None
    assert "Mail me the code" in phone.get(path).content.decode()


@pytest.mark.django_db
def test_more_mails_than_may_wait_are_refused_at_once(phone, path, monkeypatch):
    monkeypatch.setattr(mailing, "_room", threading.BoundedSemaphore(1))
    mailing._room.acquire()
    assert press(phone, path, send="1").status_code == 502
    assert Handover.objects.get().codes_sent == 0
