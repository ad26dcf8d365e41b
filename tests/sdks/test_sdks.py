"""A vendor's SDK does not notice the gateway: answers and typed errors are the vendor's, and no secret stays behind."""

from __future__ import annotations

import json

import pytest

from tests.canaries import Net, contents_below
from tests.sdks.conftest import Running
from tests.sdks.vendors import COOKIE, TYPED, VENDORS

pytestmark = [pytest.mark.processes, pytest.mark.matrix]

PAGE = "11111111-1111-1111-1111-111111111111"
FAILED_CALLS = """
import json
from integrations.models import Call
print(json.dumps([{"connection": str(call.connection_id), "status": call.status, "outcome": call.outcome,
    "request": [call.request_head, call.request_body], "answer": [call.response_head, call.response_body]}
    for call in Call.objects.exclude(outcome="ok").order_by("at")], default=str))
"""


@pytest.mark.parametrize(
    ("vendor", "told"),
    [
        ("openai", ("Hello, Ada", "NotFoundError", "model_not_found")),
        ("anthropic", ("Hello, Ada", "EnforcedSpendLimitReachedError", "rate_limit_error")),
        ("stripe", ("ada@example.com", "CardError", "card_declined")),
        ("slack", ("Hello, Ada", "SlackApiError", "ratelimited")),
        ("hubspot", ("ada@example.com", "ForbiddenException", "MISSING_SCOPES")),
        ("twilio", ("Hello, Ada", "TwilioRestException", "21211")),
        ("notion", (PAGE, "APIResponseError", "object_not_found")),
    ],
)
def test_a_python_sdk_works_with_only_its_base_url_and_key_changed(
    running: Running, vendor: str, told: tuple[str, str, str]
) -> None:
    assert running.by_python[vendor] == told


@pytest.mark.parametrize(
    ("vendor", "told"),
    [
        ("openai", ("Hello, Ada", "NotFoundError", "model_not_found")),
        ("stripe", ("ada@example.com", "StripeCardError", "card_declined")),
        ("slack", ("Hello, Ada", "WebAPIPlatformError", "ratelimited")),
        ("hubspot", ("ada@example.com", "ApiException", "MISSING_SCOPES")),
        ("notion", (PAGE, "APIResponseError", "object_not_found")),
    ],
)
def test_a_node_sdk_works_with_only_its_base_url_and_key_changed(
    running: Running, vendor: str, told: tuple[str, str, str]
) -> None:
    assert running.by_node[vendor] == told


def test_the_upstream_sees_the_clients_credential_and_never_the_gateway_token(running: Running) -> None:
    assert running.by_python
    assert running.by_node
    net = Net({"gateway token": running.token})
    assert not [hit for request in running.upstream.requests for hit in net.found_in("upstream", request)]
    assert len(running.upstream.requests) == 2 * len(running.by_python) + 2 * len(running.by_node)


def test_what_is_kept_of_every_sdks_traffic_holds_no_secret(running: Running) -> None:
    calls = len(running.by_python) + len(running.by_node)
    rows = running.live.wait_for(lambda: (found := kept(running)) and len(found) >= calls and found, "the call log")
    assert len(rows) == calls
    assert all(row["answer"][1] and "****" in json.dumps(row["answer"]) for row in rows)
    secrets = {vendor.key: vendor.secret for vendor in VENDORS.values()}
    net = Net(secrets | {"gateway token": running.token, "cookie": COOKIE, "typed": TYPED})
    hits = net.found_in("rows", json.dumps(rows)) + net.found_in("output", running.live.output)
    for path, content in contents_below(running.live.home).items():
        hits += net.found_in(path.name, content)
    assert not hits


def kept(running: Running) -> list[dict[str, object]]:
    """Return the failed calls as the call log has them."""
    return json.loads(running.shell(FAILED_CALLS).splitlines()[-1])
