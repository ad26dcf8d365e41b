"""What models cost is added up by day, told once when a budget is near, and stopped when it is used up."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connections

from integrations.models import Budget, Connection, CustomProvider, Message, ModelPrice, SpendDay
from integrations.models.usage import NANO
from integrations.usage import budgets, spend
from integrations.usage.prices import Prices
from secrets_vault import generation
from secrets_vault.ids import uuid7
from secrets_vault.models import AuditEvent
from tests.engines import only_on_postgres
from tests.factories import make_user
from tests.integrations.gateway.test_behaviour import answered, world_with
from tests.integrations.usage.test_used import OPENAI_CHAT, OPENAI_STREAM

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = NOW.date()
METERING = [
    {
        "at": ["usage"],
        "input": ["prompt_tokens"],
        "output": ["completion_tokens"],
        "cached": ["prompt_tokens_details.cached_tokens"],
        "is_cached_within": True,
        "source": "https://example.com/docs",
    }
]
CHAT = json.dumps(OPENAI_CHAT).encode()
IS_JSON = b"Content-Type: application/json"


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch):
    monkeypatch.setattr(spend, "_prices", Prices())
    monkeypatch.setattr(spend, "_models", {})


@pytest.fixture
def ai(upstream, settings):
    """A connection to a provider whose answers say what they used, and a price of one dollar a token."""
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    world = world_with(upstream, metering=METERING)
    price = 10**6 * NANO
    ModelPrice.objects.create(
        provider_key=world.connection.provider_key, model="gpt-4o-2024-08-06",
        input_nano=price, cached_nano=price // 2, output_nano=2 * price,
    )  # fmt: skip
    generation.count_up()
    return world


def budget(world, **fields):
    made = Budget.objects.create(client=world.client, **fields)
    generation.count_up()
    return made


def spent(client_id, connection_id, dollars, *, day=TODAY):
    SpendDay.objects.create(
        client_id=client_id, connection_id=connection_id, model="m", day=day, cost_nano=dollars * NANO
    )


def test_a_call_is_added_to_the_day_of_its_model(ai):
    ai.upstream.answers = [answered(200, IS_JSON, body=CHAT)] * 2
    ai.call(method="POST", body=b"{}")
    ai.call(method="POST", body=b"{}")
    row = SpendDay.objects.get()
    assert (row.model, row.calls, row.input_tokens, row.cached_tokens, row.output_tokens) == (
        "gpt-4o-2024-08-06", 2, 186, 2048, 92
    )  # fmt: skip
    assert row.cost_nano == 2 * (93 + 512 + 92) * NANO
    assert (row.unpriced_calls, row.untold_calls) == (0, 0)


def test_nothing_of_the_answer_is_kept(ai):
    ai.upstream.answers = [answered(200, IS_JSON, body=CHAT)]
    assert ai.call(method="POST", body=b"{}").body == CHAT
    assert ai.calls()[0].response_body == ""


def test_a_model_without_a_price_is_counted_in_tokens_only(ai):
    ModelPrice.objects.all().delete()
    generation.count_up()
    ai.upstream.answers = [answered(200, IS_JSON, body=CHAT)]
    ai.call(method="POST", body=b"{}")
    row = SpendDay.objects.get()
    assert (row.calls, row.unpriced_calls, row.cost_nano, row.output_tokens) == (1, 1, 0, 46)


def test_the_name_that_was_asked_for_may_have_the_price(ai):
    ModelPrice.objects.update(model="gpt-4o")
    generation.count_up()
    ai.upstream.answers = [answered(200, IS_JSON, body=CHAT)]
    ai.call(method="POST", body=b'{"model": "gpt-4o"}')
    assert SpendDay.objects.get().unpriced_calls == 0


def test_a_stream_is_counted_and_one_that_does_not_say_is_told_apart(ai):
    silent = OPENAI_STREAM.split(b"\n\n")[0] + b"\n\ndata: [DONE]\n\n"
    stream = b"Content-Type: text/event-stream"
    ai.upstream.answers = [answered(200, stream, body=OPENAI_STREAM), answered(200, stream, body=silent)]
    ai.call(method="POST", body=b"{}")
    ai.call(method="POST", body=b"{}")
    rows = {row.model: (row.calls, row.untold_calls, row.output_tokens) for row in SpendDay.objects.all()}
    assert rows == {"gpt-4o-mini-2024-07-18": (1, 0, 12), "": (1, 1, 0)}


def test_lists_and_failures_cost_nothing(ai):
    ai.upstream.answers = [answered(200, IS_JSON, body=b'{"data": []}'), answered(400, IS_JSON, body=CHAT)]
    ai.call()
    ai.call(method="POST", body=b"{}")
    assert not SpendDay.objects.exists()


def test_many_names_of_models_take_few_rows(monkeypatch):
    pk, day = uuid7(), NOW.date()
    names = {spend._bounded(pk, day, f"model-{n}") for n in range(200)}
    assert len(names) == spend.MOST_MODELS + 1
    spend._bounded(pk, day + timedelta(days=1), "x")
    assert list(spend._models) == [(pk, day + timedelta(days=1))]


def test_a_used_up_budget_stops_the_next_call(ai):
    owner = make_user("ada@acme.example", is_owner=True)
    budget(ai, stop_nano=600 * NANO)
    ai.upstream.answers = [answered(200, IS_JSON, body=CHAT)] * 3
    assert ai.call(method="POST", body=b"{}").status == 200
    answer = ai.call(method="POST", body=b"{}")
    told = json.loads(answer.body)
    assert (answer.status, told["code"]) == (402, "budget_reached")
    assert int(answer.header("retry-after")) > 0
    assert len(ai.upstream.requests) == 1
    assert Message.objects.get(user=owner).kind == "budget_reached"
    assert AuditEvent.objects.filter(action="budget.stopped").count() == 1


def test_a_stop_in_one_process_holds_in_another_from_the_next_call(ai):
    made = budget(ai, stop_nano=1 * NANO)

    def elsewhere():
        spent(ai.client.pk, ai.connection.pk, 2, day=datetime.now(UTC).date())
        budgets.look([ai.client.pk], now=datetime.now(UTC))
        connections.close_all()

    def raised():
        Budget.objects.filter(pk=made.pk).update(stop_nano=3 * NANO)
        budgets.look([ai.client.pk], now=datetime.now(UTC))
        connections.close_all()

    async def story(gateway):
        statuses = [(await ai.ask(gateway)).status]
        for change in (elsewhere, raised):
            await asyncio.to_thread(change)
            statuses.append((await ai.ask(gateway)).status)
        return statuses

    assert ai.run(story) == [200, 402, 200]


def test_trouble_with_a_budget_neither_loses_nor_doubles_calls(ai, monkeypatch):
    budget(ai, stop_nano=1 * NANO)
    monkeypatch.setattr(budgets, "spent_nano", lambda *_args, **_options: 1 / 0)
    ai.upstream.answers = [answered(200, IS_JSON, body=CHAT)] * 2
    for _ in range(2):
        assert ai.call(method="POST", body=b"{}").status == 200
    assert (len(ai.calls()), SpendDay.objects.get().calls) == (2, 2)


def test_a_stop_ends_with_the_month(ai):
    Connection.objects.update(spend_stopped_until=datetime.now(UTC) - timedelta(seconds=1))
    generation.count_up()
    assert ai.call().status == 200


def test_a_warning_is_told_once_a_month_and_stops_nothing(ai):
    make_user("ada@acme.example", is_owner=True)
    budget(ai, warn_nano=10 * NANO, stop_nano=20 * NANO)
    spent(ai.client.pk, ai.connection.pk, 12)
    for _ in range(3):
        budgets.look([ai.client.pk], now=NOW)
    assert [message.kind for message in Message.objects.all()] == ["budget_near"]
    assert Connection.objects.get().spend_stopped_until is None
    spent(ai.client.pk, uuid7(), 12, day=date(2026, 12, 1))
    budgets.look([ai.client.pk], now=NOW + timedelta(days=10))
    assert Message.objects.count() == 2
    assert "12.00 US dollars" in Message.objects.first().body


def test_what_was_spent_in_another_month_or_elsewhere_does_not_count(ai):
    made = budget(ai, connection=ai.connection, stop_nano=20 * NANO)
    spent(ai.client.pk, ai.connection.pk, 30, day=date(2026, 10, 31))
    spent(ai.client.pk, ai.connection.pk, 30, day=date(2026, 12, 1))
    spent(ai.client.pk, uuid7(), 30)
    spent(ai.client.pk, ai.connection.pk, 5)
    assert budgets.spent_nano(made, now=NOW) == 5 * NANO
    assert budgets.look([ai.client.pk], now=NOW) == 0


def test_a_budget_of_a_client_stops_its_models_and_not_its_crm(ai):
    key = f"{ai.connection.provider_key}-crm"
    facts = CustomProvider.objects.get().facts | {"key": key}
    CustomProvider.objects.create(client=ai.client, key=key, facts={**facts, "metering": []})
    other = Connection.objects.create(
        client=ai.client, environment=ai.connection.environment, provider_key=key, slug="acme-crm",
        kind="api_key", label="CRM",
    )  # fmt: skip
    budget(ai, stop_nano=1 * NANO)
    spent(ai.client.pk, ai.connection.pk, 2)
    budgets.look([ai.client.pk], now=NOW)
    stopped = dict(Connection.objects.values_list("pk", "spend_stopped_until"))
    assert stopped == {ai.connection.pk: datetime(2026, 12, 1, tzinfo=UTC), other.pk: None}


def test_the_sweep_makes_good_what_a_killed_process_left(ai):
    made = budget(ai, stop_nano=1 * NANO)
    spent(ai.client.pk, ai.connection.pk, 2)
    assert budgets.sweep(NOW) == 1
    made.delete()
    assert budgets.sweep(NOW) == 1
    assert Connection.objects.get().spend_stopped_until is None
    assert budgets.sweep(NOW) == 0


@only_on_postgres("a database that two can write to at once")
def test_two_processes_that_look_at_once_tell_once(ai):
    make_user("ada@acme.example", is_owner=True)
    budget(ai, stop_nano=1 * NANO)
    spent(ai.client.pk, ai.connection.pk, 2)
    start = threading.Barrier(2)

    def looks():
        start.wait()
        budgets.look([ai.client.pk], now=NOW)
        connections.close_all()

    threads = [threading.Thread(target=looks) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Message.objects.count() == 1
    assert AuditEvent.objects.filter(action="budget.stopped").count() == 1


@pytest.mark.parametrize(
    ("now", "first", "after"),
    [
        (datetime(2026, 11, 30, 23, 59, tzinfo=UTC), date(2026, 11, 1), date(2026, 12, 1)),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), date(2026, 12, 1), date(2027, 1, 1)),
    ],
)
def test_a_month_ends_at_midnight_of_utc(now, first, after):
    assert budgets.month_of(now) == (first, after)


@pytest.mark.parametrize(
    ("nano", "said"), [(0, "0.00"), (1, "0.01"), (12_345_000_000, "12.35"), (1_234_567 * NANO, "1,234,567.00")]
)
def test_an_amount_is_never_rounded_to_nothing(nano, said):
    assert budgets.dollars(nano) == said
