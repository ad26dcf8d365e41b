"""A filter is data: what it lets pass, what it refuses to be, and that nothing in it or in a body is evaluated."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.models import WebhookDelivery
from integrations.webhooks import filter_paths, filters, storing
from integrations.webhooks.filters import BadFilter
from tests.integrations.webhooks.test_storing import NOW, request, verified

EVENT = {
    "type": "invoice.paid",
    "data": {"object": {"status": "paid", "amount": 1200, "live": True, "note": None, "a b": 1, "rate": 0.5}},
    "items": [{"sku": "A-1"}, {"sku": "B-2", "n": 3}],
}
OBJECT = "$.data.object"


def one(path, op, *value):
    """Return a filter of one condition."""
    return [{"path": path, "op": op} | ({"value": value[0]} if value else {})]


@pytest.mark.parametrize(
    ("conditions", "passes"),
    [
        (None, True),
        ([], True),
        (one("$.type", "equals", "invoice.paid"), True),
        (one("$.type", "equals", "invoice.pai"), False),
        (one(f"{OBJECT}.amount", "equals", 1200), True),
        (one(f"{OBJECT}.amount", "equals", 1200.0), True),
        (one(f"{OBJECT}.amount", "equals", "1200"), False),
        (one(f"{OBJECT}.live", "equals", True), True),
        (one(f"{OBJECT}.live", "equals", 1), False),
        (one(f"{OBJECT}.note", "equals", None), True),
        (one(f"{OBJECT}.gone", "equals", None), False),
        (one(f"{OBJECT}['a b']", "equals", 1), True),
        (one(f'{OBJECT}["a b"]', "equals", 1), True),
        (one("$.type", "not_equals", "x"), True),
        (one("$.gone", "not_equals", "x"), True),
        (one("$.type", "not_equals", "invoice.paid"), False),
        (one("$.type", "in", ["x", "invoice.paid"]), True),
        (one("$.type", "in", ["x", "y"]), False),
        (one(f"{OBJECT}.live", "in", [1, 0]), False),
        (one(f"{OBJECT}.note", "exists"), True),
        (one(f"{OBJECT}.gone", "exists"), False),
        (one(f"{OBJECT}.gone", "exists", False), True),
        (one(f"{OBJECT}.note", "exists", False), False),
        (one("$.type", "matches_prefix", "invoice."), True),
        (one("$.type", "matches_prefix", "Invoice."), False),
        (one(f"{OBJECT}.amount", "matches_prefix", "1"), False),
        (one(f"{OBJECT}.amount", "greater", 1199), True),
        (one(f"{OBJECT}.amount", "greater", 1200), False),
        (one(f"{OBJECT}.rate", "less", 1), True),
        (one(f"{OBJECT}.live", "greater", 0), False),
        (one("$.type", "greater", 0), False),
        (one("$.items[0].sku", "equals", "A-1"), True),
        (one("$.items[-1].n", "equals", 3), True),
        (one("$.items[2].sku", "exists"), False),
        (one("$.items[*].sku", "equals", "B-2"), True),
        (one("$.items.*.sku", "equals", "B-2"), True),
        (one("$.items.sku", "exists"), False),
        (one("$.type.length", "exists"), False),
        (one("$.data.object", "equals", "paid"), False),
        (one("$.__class__", "exists"), False),
        (one("$.type", "equals", "invoice.paid") + one("$.type", "equals", "x"), False),
        (one("$.type", "equals", "invoice.paid") + one(f"{OBJECT}.amount", "less", 2000), True),
    ],
)
def test_a_filter_lets_pass_what_fits_it(conditions, passes):
    filters.check(conditions)

    match = filters.judge(conditions, json.dumps(EVENT).encode())

    assert match.is_match is passes
    assert match.reason == ("" if passes else "filter_no_match")


@pytest.mark.parametrize("body", [b"", b"a=1&b=2", b"{", b"\xff\xfe", b"NaN", b"[" * 100_000, b'{"a": Infinity}'])
def test_a_body_that_is_not_json_passes_no_filter_and_says_so(body):
    assert filters.judge(one("$.a", "exists", False), body) == filters.Match(False, "filter_not_json")
    assert filters.judge(None, body).is_match


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        ("$.a", ""),
        ({"path": "a", "op": "exists"}, "path"),
        ({"path": "$.a b", "op": "exists"}, "path"),
        ({"path": "$..a", "op": "exists"}, "path"),
        ({"path": "$[?(@.a)]", "op": "exists"}, "path"),
        ({"path": "$[__import__('os')]", "op": "exists"}, "path"),
        ({"path": "$" + ".a" * 200, "op": "exists"}, "path"),
        ({"path": "$" + ".a" * 25, "op": "exists"}, "path"),
        ({"path": 1, "op": "exists"}, "path"),
        ({"op": "exists"}, "path"),
        ({"path": "$.a", "op": "matches", "value": ".*"}, "op"),
        ({"path": "$.a", "op": ["in"]}, "op"),
        ({"path": "$.a"}, "op"),
        ({"path": "$.a", "op": "equals"}, "value"),
        ({"path": "$.a", "op": "equals", "value": {}}, "value"),
        ({"path": "$.a", "op": "equals", "value": "x" * 1001}, "value"),
        ({"path": "$.a", "op": "equals", "value": "a\0"}, "value"),
        ({"path": "$.a", "op": "in", "value": []}, "value"),
        ({"path": "$.a", "op": "in", "value": "ab"}, "value"),
        ({"path": "$.a", "op": "in", "value": [[1]]}, "value"),
        ({"path": "$.a", "op": "exists", "value": "yes"}, "value"),
        ({"path": "$.a", "op": "matches_prefix", "value": ""}, "value"),
        ({"path": "$.a", "op": "greater", "value": "1"}, "value"),
        ({"path": "$.a", "op": "greater", "value": True}, "value"),
        ({"path": "$.a", "op": "less", "value": float("nan")}, "value"),
        ({"path": "$.a", "op": "exists", "also": 1}, "also"),
    ],
)
def test_a_wrong_condition_is_refused_by_its_number_and_field(condition, field):
    with pytest.raises(BadFilter) as refused:
        filters.check([{"path": "$.fine", "op": "exists"}, condition])

    assert [(problem.number, problem.field) for problem in refused.value.problems] == [(2, field)]
    assert "2" in str(refused.value)


@pytest.mark.parametrize("conditions", ["$.a", {"path": "$.a", "op": "exists"}, one("$.a", "exists") * 21])
def test_a_filter_is_a_short_list(conditions):
    with pytest.raises(BadFilter, match="at most 20"):
        filters.check(conditions)


def test_a_filter_is_told_in_words():
    told = filters.describe(one("$.type", "in", ["ü", 1]) + one("$.a", "exists", False))

    assert told == ['$.type is one of ["ü", 1]', "$.a is not there"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.sampled_from(sorted(filters.OPERATIONS)), JSON, JSON)
def test_whatever_is_written_it_is_refused_or_answers_yes_or_no(path, op, value, document):
    conditions = [{"path": path, "op": op, "value": value}, {"path": f"$.{path}", "op": op, "value": value}]
    for condition in conditions:
        with contextlib.suppress(BadFilter):
            checked = filters.check([condition])
            assert filters.judge(checked, json.dumps(document).encode()).reason in ("", "filter_no_match")


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters="'\\"), max_size=10), JSON)
def test_a_quoted_step_takes_any_name(name, value):
    document = {name: value, "other": 1}

    assert list(filter_paths.values(document, filter_paths.parse(f"$['{name}']"))) == [value]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "state", "reason"),
    [
        (b'{"id": "evt_1", "status": "paid"}', "waiting", ""),
        (b'{"id": "evt_1", "status": "open"}', "skipped", "filter_no_match"),
        (b"status=paid", "skipped", "filter_not_json"),
    ],
)
def test_an_event_that_does_not_fit_is_there_as_skipped(body, state, reason):
    from tests.factories import make_client, make_webhook_endpoint, make_webhook_target

    endpoint = make_webhook_endpoint(make_client())
    everything = make_webhook_target(endpoint)
    picky = make_webhook_target(endpoint, filter=one("$.status", "equals", "paid"))

    storing.store(endpoint, request(endpoint, body), verified(), now=NOW)

    row = WebhookDelivery.objects.get(target=picky)
    assert (row.state, row.last_error, row.next_at) == (state, reason, NOW if state == "waiting" else None)
    assert WebhookDelivery.objects.get(target=everything).state == "waiting"
