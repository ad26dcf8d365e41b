"""The demo: something to look at, marked everywhere, gone in one command."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db.models import Sum

from dashboard.demo_data import Size, make, remove
from dashboard.needs import needs_of
from dashboard.tightest import tightest
from integrations.alerts import errors
from integrations.alerts.routes import sending
from integrations.gateway.held import lanes, sealing
from integrations.models import (
    AlertDelivery,
    AlertEpisode,
    AlertRoute,
    ApiToken,
    Budget,
    Call,
    CallDay,
    CallHour,
    CallMinute,
    ClientHour,
    Connection,
    ErrorGroup,
    GatewayToken,
    HeldCall,
    HeldLane,
    HeldRun,
    LimitReading,
    Message,
    Offboarding,
    PathHour,
    SpendDay,
)
from integrations.models.call import FAILED_OUTCOMES, Outcome
from integrations.reminders import remind
from secrets_vault import audit, rotation, vault
from secrets_vault.errors import VaultError
from secrets_vault.models import Client, KeyTerm, SecretField, SecretVersion, StoredSecret
from tests.factories import make_client, make_user

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def run(**options):
    out = io.StringIO()
    call_command("demo", **options, stdout=out)
    return json.loads(out.getvalue())


def test_the_demo_has_a_month_of_calls_with_failures_of_every_kind():
    assert run()["clients"] == 6
    assert set(Call.objects.values_list("outcome", flat=True)) == set(Outcome.values)
    first, last = Call.objects.order_by("at").first(), Call.objects.order_by("at").last()
    assert (last.at - first.at).days >= 29
    assert LimitReading.objects.count() == Connection.objects.exclude(provider_key="stripe").count()


def test_its_messages_say_what_its_pages_show():
    olive = make_user(is_owner=True)
    made = make(Size(calls=50), now=NOW)
    kinds = list(Message.objects.order_by("kind").values_list("kind", flat=True))
    overdue = [
        row for row in rotation.board(olive, NOW.date()) if row.due.days_left < 0 and row.due.age_days is not None
    ]
    broken = Connection.objects.filter(status="needs_reconnecting")
    assert kinds == [
        *["needs_reconnecting"] * len(broken), "rotation_digest", *["rotation_overdue"] * len(overdue),
    ]  # fmt: skip
    assert made.messages == len(kinds) > 2
    assert set(Message.objects.values_list("user", flat=True)) == {olive.pk}


def test_the_real_digest_of_the_week_comes_beside_that_of_the_demo():
    make_user(is_owner=True)
    make(Size(calls=50), now=NOW)
    stored = StoredSecret.objects.filter(label__contains="Stripe").first()
    Client.objects.filter(pk=stored.client_id).update(is_demo=False)
    SecretVersion.objects.filter(secret=stored).update(made_on=NOW.date() - timedelta(days=89))
    remind(NOW)
    assert Message.objects.filter(kind="rotation_digest").count() == 2


def test_hours_and_groups_add_up_to_the_calls():
    make(Size(clients=2, calls=2000), now=NOW)
    sums = CallHour.objects.aggregate(calls=Sum("calls"), failed=Sum("failed"))
    failed = Call.objects.filter(outcome__in=FAILED_OUTCOMES, source="gateway")
    assert sums["calls"] == 2000
    assert ClientHour.objects.aggregate(calls=Sum("calls"), failed=Sum("failed")) == sums
    seen = ErrorGroup.objects.filter(source="gateway")
    assert sums["failed"] == failed.count() == seen.aggregate(n=Sum("count"))["n"]
    group = seen.order_by("-count").first()
    assert group.last_call_id == failed.filter(group_id=group.pk).order_by("-pk").first().pk
    assert group.remedy


def test_use_and_cost_add_up_to_the_calls():
    make(Size(clients=2, calls=2000), now=NOW)
    month = CallDay.objects.filter(day__gte=(NOW - timedelta(days=30)).date())
    assert (
        month.aggregate(calls=Sum("calls"))["calls"] == PathHour.objects.aggregate(calls=Sum("calls"))["calls"] == 2000
    )
    assert CallMinute.objects.aggregate(calls=Sum("calls"))["calls"] == Call.objects.filter(
        at__gt=NOW - timedelta(hours=48), source="gateway").count()  # fmt: skip
    assert CallDay.objects.filter(day__lt=(NOW - timedelta(days=300)).date()).exists()
    spent = SpendDay.objects.aggregate(calls=Sum("calls"), nano=Sum("cost_nano"), unpriced=Sum("unpriced_calls"))
    asked = Call.objects.filter(provider_key="openai", method="POST").exclude(outcome__in=FAILED_OUTCOMES)
    assert spent["calls"] == asked.count()
    assert spent["nano"] > 0
    assert spent["unpriced"] == 0
    assert Budget.objects.count() == 2


def test_few_errors_are_open_and_none_came_back_after_it_was_settled():
    make(Size(calls=4000), now=NOW)
    assert 5 <= ErrorGroup.objects.filter(state="open").count() <= 9
    assert set(ErrorGroup.objects.values_list("state", flat=True)) == {"open", "resolved", "snoozed"}
    for group in ErrorGroup.objects.exclude(state="open"):
        assert group.last_seen_at < group.state_changed_at


def test_limits_are_alive_hours_after_the_command():
    make(Size(calls=10), now=NOW)
    assert LimitReading.objects.filter(resets_at__gt=NOW + timedelta(hours=5)).count() == LimitReading.objects.count()
    percents = [100 * (row.limit - row.remaining) / row.limit for row in LimitReading.objects.all()]
    assert sum(percent >= 90 for percent in percents) <= 2
    assert max(percents) >= 90


def test_a_handful_needs_somebody():
    owner = make_user(is_owner=True)
    make(Size(calls=2000), now=NOW)
    ids = list(Client.objects.values_list("pk", flat=True))
    board, tight = rotation.board(owner, NOW.date()), tightest(ids, now=NOW)
    needs = needs_of(owner, ids, now=NOW, board=board, tight=tight)
    assert 6 <= len(needs) <= 16


def test_tokens_were_used_as_often_as_their_calls_say():
    make(Size(clients=1, calls=500), now=NOW)
    assert GatewayToken.objects.aggregate(n=Sum("use_count"))["n"] == 500
    assert GatewayToken.objects.filter(last_used_at=None).count() == 0


def test_one_key_is_97_days_old_and_the_age_of_another_is_unknown():
    make(Size(calls=10), now=NOW)
    ages = [row.due.age_days for row in rotation.board(make_user(is_owner=True), NOW.date())]
    assert 97 in ages
    assert None in ages
    assert StoredSecret.objects.filter(last_number=2).exists()


def test_calls_wait_in_every_state_and_none_can_be_sent():
    make_user(is_owner=True)
    make(Size(calls=50), now=NOW)
    calls = HeldCall.objects.all()
    states = {"waiting", "needs_decision", "failed", "sent", "discarded"}
    assert set(calls.values_list("state", flat=True)) == states
    assert not HeldLane.objects.filter(paused_at=None).exists()
    assert lanes.claim(10, now=NOW + timedelta(days=1))[1] == []
    for call in HeldCall.objects.defer(None).select_related("connection__secret"):
        assert sealing.open_request(call).rest.decode() == call.path
        assert (sealing.open_answer(call) is not None) == (call.state in ("sent", "failed"))
        with pytest.raises(VaultError):  # should somebody resume a lane, nothing goes to the real provider
            vault.check_policy(call.connection.secret, host=call.host, slot="header:authorization")


def test_the_route_of_the_demo_is_paused_and_leads_to_no_host_that_there_is():
    make_user(is_owner=True)
    make(Size(calls=50), now=NOW)
    route = AlertRoute.objects.get()
    assert route.is_paused
    assert "demo.invalid" in route.address_masked
    assert set(route.deliveries.values_list("state", flat=True)) == {"sent", "failed"}
    assert sending.send_due(now=NOW + timedelta(days=1), send=pytest.fail) == 0


def test_a_tool_reported_errors_that_are_no_news():
    make(Size(calls=50), now=NOW)
    token = ApiToken.objects.get()
    groups = ErrorGroup.objects.filter(source="make")
    assert (groups.count(), Call.objects.filter(source="make").count()) == (2, 3)
    assert set(groups.values_list("client_id", flat=True)) == {token.client_id}
    AlertRoute.objects.create(name="real", channel="slack", kinds=["error_new"], least="info", created_at=NOW)
    errors.look(NOW - timedelta(hours=1))
    errors.look(NOW + timedelta(minutes=1))
    assert not AlertDelivery.objects.filter(route__name="real").exists()


def test_everything_is_marked_as_a_demo():
    make(Size(calls=50), now=NOW)
    assert not Client.objects.filter(is_demo=False).exists()
    assert not Connection.objects.filter(is_demo=False).exists()
    for name in [*Client.objects.values_list("name", flat=True), *StoredSecret.objects.values_list("label", flat=True)]:
        assert "DEMO" in name


def test_nothing_of_the_demo_is_mailed_refreshed_or_probed(settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    make_user(is_owner=True)
    make(Size(calls=50), now=NOW)
    assert set(Message.objects.values_list("state", flat=True)) == {"kept"}
    assert set(AlertEpisode.objects.values_list("kind", flat=True)) == {"needs_reconnecting"}
    assert not Connection.objects.exclude(refresh_due_at=None, probe_due_at=None).exists()


def test_the_same_seed_tells_the_same_story():
    make(Size(calls=300), now=NOW, prefix="a")
    make(Size(calls=300), now=NOW, prefix="b")

    def story(prefix):
        ids = list(Client.objects.filter(slug__startswith=prefix).values_list("pk", flat=True))
        calls = Call.objects.filter(client_id__in=ids).order_by("at")
        return list(calls.values_list("at", "method", "path", "outcome", "total_ms"))

    assert story("a") == story("b")


def test_removing_takes_every_row_and_nothing_else():
    kept = make_client("real")
    make_user(is_owner=True)
    make(Size(calls=300), now=NOW)
    assert run(remove=True) == {"removed_clients": 6}
    assert list(Client.objects.all()) == [kept]
    for kind in (
        Call,
        CallHour,
        ClientHour,
        ErrorGroup,
        LimitReading,
        CallMinute,
        CallDay,
        PathHour,
        SpendDay,
        Budget,
        Connection,
        GatewayToken,
        Message,
        AlertEpisode,
        StoredSecret,
        SecretField,
        HeldCall,
        HeldLane,
        HeldRun,
        AlertRoute,
        AlertDelivery,
        ApiToken,
    ):
        assert not kind.objects.exists()
    assert not KeyTerm.objects.exclude(client=None).exists()
    assert audit.verify().ok
    assert remove() == 0


def test_a_demo_client_that_was_off_boarded_is_removed_too():
    client = make_client("demo-gone", is_demo=True)
    Offboarding.objects.create(client=client, stage="done", begun_at=NOW)
    assert remove() == 1
    assert not Client.objects.filter(pk=client.pk).exists()


def test_a_second_demo_is_refused_until_the_first_is_removed():
    make(Size(clients=1, connections_each=1, calls=1), now=NOW)
    with pytest.raises(SystemExit) as refused:
        run()
    assert refused.value.code == 1
