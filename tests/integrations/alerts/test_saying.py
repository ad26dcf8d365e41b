"""What people are told: once at first, once when it is over, and to whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail as outbox
from django.test import override_settings

from integrations import alerts, mail, watch
from integrations.models import AlertEpisode, Call, Connection, Message
from tests.factories import make_client, make_membership, make_user

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CAN_MAIL = override_settings(MAILERS={"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}})

CANNOT_MAIL = override_settings(MAILERS={"default": {"BACKEND": "django.core.mail.backends.dummy.EmailBackend"}})


@pytest.fixture
def connection():
    acme = make_client("acme")
    return Connection.objects.create(
        slug="acme-hubspot",
        client=acme,
        environment=acme.environments.first(),
        provider_key="hubspot",
        kind="oauth2",
        label="HubSpot",
    )


def calls(connection: Connection, outcome: str, count: int, *, at: datetime = NOW) -> None:
    Call.objects.bulk_create(
        Call(
            at=at, client_id=connection.client_id, connection_id=connection.pk, method="GET", path="/", outcome=outcome
        )
        for _ in range(count)
    )


def test_the_owner_and_the_managers_hear_of_it_and_a_viewer_does_not(connection):
    make_user("Olga", is_owner=True)
    make_membership(make_user("Ada"), connection.client)
    make_membership(make_user("Ben"), connection.client, role="viewer")
    make_user("Cora")
    assert alerts.needs_reconnecting(connection, code="invalid_grant", now=NOW)
    assert set(Message.objects.values_list("to", flat=True)) == {"olga@example.com", "ada@example.com"}
    body = Message.objects.first().body
    assert "/connections/acme-hubspot/" in body


def test_the_same_trouble_is_told_once_and_its_end_once(connection):
    make_user("Olga", is_owner=True)
    alerts.needs_reconnecting(connection, code="invalid_grant", now=NOW)
    assert alerts.needs_reconnecting(connection, code="invalid_grant", now=NOW) is None
    assert alerts.recovered(connection, now=NOW) == 1
    assert alerts.recovered(connection, now=NOW) == 0
    assert list(Message.objects.order_by("id").values_list("kind", flat=True)) == ["needs_reconnecting", "recovered"]


def test_a_trouble_that_comes_back_is_told_again(connection):
    make_user("Olga", is_owner=True)
    for _ in range(2):
        alerts.needs_reconnecting(connection, code="invalid_grant", now=NOW)
        alerts.recovered(connection, now=NOW)
    assert Message.objects.count() == 4


@CANNOT_MAIL
def test_without_smtp_a_message_is_kept_and_not_queued(connection):
    make_user("Olga", is_owner=True)
    alerts.needs_reconnecting(connection, code="x", now=NOW)
    assert Message.objects.get().state == Message.State.KEPT
    assert mail.send_due(now=NOW) == 0


@CAN_MAIL
@pytest.mark.parametrize("flag", ["is_sandbox", "is_demo"])
def test_nothing_of_the_sandbox_or_the_demo_is_mailed(connection, flag):
    make_user("Olga", is_owner=True)
    setattr(connection.client, flag, True)
    alerts.needs_reconnecting(connection, code="x", now=NOW)
    assert Message.objects.get().state == Message.State.KEPT


@CAN_MAIL
def test_a_sandbox_connection_of_a_real_client_is_told_under_messages_only(connection):
    make_user("Olga", is_owner=True)
    connection.is_sandbox = True
    alerts.needs_reconnecting(connection, code="x", now=NOW)
    assert Message.objects.get().state == Message.State.KEPT


@CAN_MAIL
def test_a_queued_message_is_sent_once():
    olga = make_user("Olga", is_owner=True)
    alerts.say(olga, "test", dedupe_key="1", subject="Hello", body="There", now=NOW)
    assert mail.send_due(now=NOW) == 1
    assert mail.send_due(now=NOW) == 0
    assert [m.subject for m in outbox.outbox] == ["Hello"]
    assert Message.objects.get().state == Message.State.SENT


@CAN_MAIL
def test_a_mail_that_cannot_be_sent_waits_longer_and_then_gives_up(monkeypatch):
    def refuse(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(mail, "deliver", refuse)
    olga = make_user("Olga", is_owner=True)
    alerts.say(olga, "test", dedupe_key="1", subject="Hello", body="There", now=NOW)
    now = NOW
    for wait in mail.WAITS:
        mail.send_due(now=now)
        message = Message.objects.get()
        assert (message.state, message.due_at) == (Message.State.QUEUED, now + wait)
        now += wait
    mail.send_due(now=now)
    message = Message.objects.get()
    assert (message.state, message.error_code) == (Message.State.FAILED, "ConnectionRefusedError")


@CAN_MAIL
@pytest.mark.parametrize("stuck", [{"due_at": NOW + timedelta(days=2)}, {"lease_until": NOW + timedelta(days=2)}])
def test_a_message_of_a_clock_that_was_put_back_is_sent(stuck):
    alerts.say(make_user("Olga", is_owner=True), "test", dedupe_key="1", subject="Hello", body="There", now=NOW)
    Message.objects.update(**stuck)
    assert mail.send_due(now=NOW) == 1


def test_failures_of_a_clock_that_was_put_back_are_no_trouble_of_now(connection):
    make_user("Olga", is_owner=True)
    calls(connection, "upstream_error", 9, at=NOW + timedelta(days=2))
    assert watch.look(NOW) == 0


def test_a_message_claimed_by_a_dead_worker_is_free_after_the_lease():
    with CAN_MAIL:
        olga = make_user("Olga", is_owner=True)
        alerts.say(olga, "test", dedupe_key="1", subject="Hello", body="There", now=NOW)
        Message.objects.update(lease_owner="dead", lease_until=NOW + timedelta(minutes=1))
        assert mail.send_due(now=NOW) == 0
        assert mail.send_due(now=NOW + timedelta(minutes=2)) == 1


def test_five_failed_calls_in_ten_minutes_are_a_trouble_and_four_are_not(connection):
    make_user("Olga", is_owner=True)
    calls(connection, "upstream_error", 4)
    assert watch.look(NOW) == 0
    calls(connection, "limited", 1)
    assert watch.look(NOW) == 1
    assert watch.look(NOW) == 0
    assert "5 calls" in Message.objects.get().body


def test_calls_that_we_refused_and_old_failures_do_not_count(connection):
    calls(connection, "refused", 9)
    calls(connection, "upstream_error", 9, at=NOW - timedelta(minutes=11))
    assert watch.look(NOW) == 0


def test_a_failing_connection_is_over_it_when_calls_succeed_and_none_fails(connection):
    make_user("Olga", is_owner=True)
    calls(connection, "upstream_error", 5)
    watch.look(NOW)
    later = NOW + timedelta(minutes=11)
    assert watch.look(later) == 0
    calls(connection, "ok", 1, at=later)
    assert watch.look(later) == 1
    assert AlertEpisode.objects.get().closed_at == later


def test_a_name_with_markup_reaches_a_mail_as_plain_text(connection):
    make_user("Olga", is_owner=True)
    connection.client.name = "<script>alert(1)</script> & Co"
    alerts.needs_reconnecting(connection, code="x", now=NOW)
    assert "<script>alert(1)</script> & Co" in Message.objects.get().body


@CAN_MAIL
@pytest.mark.parametrize("end", ["\r", "\r\n", "\n", "\u2028", "\x0b"])
def test_a_name_that_ends_a_line_holds_up_no_mail(connection, end):
    make_user("Olga", is_owner=True)
    Connection.objects.filter(pk=connection.pk).update(label=f"Shop{end}Bcc: evil@example.com")
    alerts.needs_reconnecting(Connection.objects.get(), code="invalid_grant", now=NOW)
    assert mail.send_due(now=NOW) == 1
    sent = outbox.outbox[0].message()
    assert sent["Bcc"] is None
    assert len(sent["Subject"].splitlines()) == 1
