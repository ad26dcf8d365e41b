"""What an answer says about limits is read in every dialect, and nonsense is read as nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.limits import Reading, documented_limits, is_limit, read_limits
from integrations.limits.reading import dialects, fold
from integrations.providers.registry import get_provider

pytestmark = pytest.mark.matrix  # no database: one engine is enough

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """Return the time so many seconds from now."""
    return NOW + timedelta(seconds=seconds)


def read(dialect: str, text: str, *, status: int = 200) -> list[Reading]:
    """Return the readings of headers written as "Name: value | Name: value"."""
    headers = dict(line.strip().split(": ", 1) for line in text.split(" | ") if line)
    provider = replace(get_provider("openai"), rate_limit_dialect=dialect)
    return read_limits(headers, status=status, now=NOW, provider=provider)


EPOCH = int(after(90).timestamp())


@pytest.mark.parametrize(
    ("dialect", "headers", "expected"),
    [
        (
            "hubspot",
            "X-HubSpot-RateLimit-Max: 110 | X-HubSpot-RateLimit-Remaining: 108"
            " | X-HubSpot-RateLimit-Interval-Milliseconds: 10000 | X-HubSpot-RateLimit-Secondly: 11",
            [Reading("burst", 110, 108, 10, after(10))],
        ),
        (
            "hubspot",
            "X-HubSpot-RateLimit-Daily: 250000 | X-HubSpot-RateLimit-Daily-Remaining: 249999",
            [Reading("daily", 250_000, 249_999, 86_400)],
        ),
        (
            "openai",
            "x-ratelimit-limit-requests: 60 | x-ratelimit-remaining-requests: 59 | x-ratelimit-reset-requests: 6m0s"
            " | x-ratelimit-limit-tokens: 150000 | x-ratelimit-remaining-tokens: 149984"
            " | x-ratelimit-reset-tokens: 8.64s",
            [
                Reading("requests", 60, 59, None, after(360)),
                Reading("tokens", 150_000, 149_984, 60, after(8.64), unit="tokens"),
            ],
        ),
        (
            "anthropic",
            "anthropic-ratelimit-requests-limit: 1000 | anthropic-ratelimit-requests-remaining: 999"
            " | anthropic-ratelimit-requests-reset: 2026-11-22T12:00:30Z",
            [Reading("requests", 1000, 999, 60, after(30))],
        ),
        ("stripe", "Stripe-Rate-Limited-Reason: global-rate", []),
        ("slack", "Retry-After: 30", []),
        ("salesforce", "Sforce-Limit-Info: api-usage=10018/100000", [Reading("daily", 100_000, 89_982, 86_400)]),
        (
            "salesforce",
            "Sforce-Limit-Info: api-usage=18/5000,per-app-api-usage=17/250(appName=x)",
            [Reading("daily", 5000, 4982, 86_400)],
        ),
        (
            "xero",
            "X-MinLimit-Remaining: 59 | X-DayLimit-Remaining: 4900 | X-AppMinLimit-Remaining: 9999",
            [
                Reading("minute", None, 59, 60),
                Reading("daily", None, 4900, 86_400),
                Reading("app minute", None, 9999, 60),
            ],
        ),
        (
            "github",
            f"x-ratelimit-limit: 5000 | x-ratelimit-used: 1 | x-ratelimit-reset: {EPOCH}"
            " | x-ratelimit-resource: search",
            [Reading("search", 5000, 4999, 3600, after(90), family="core")],
        ),
        ("shopify", "X-Shopify-Shop-Api-Call-Limit: 32/40", [Reading("bucket", 40, 8)]),
        (
            "linear",
            f"X-RateLimit-Requests-Limit: 1500 | X-RateLimit-Requests-Remaining: 3"
            f" | X-RateLimit-Requests-Reset: {EPOCH}000",
            [Reading("requests", 1500, 3, 3600, after(90))],
        ),
        (
            "bigcommerce",
            "X-Rate-Limit-Requests-Quota: 150 | X-Rate-Limit-Requests-Left: 35 | X-Rate-Limit-Time-Window-Ms: 30000"
            " | X-Rate-Limit-Time-Reset-Ms: 15000",
            [Reading("requests", 150, 35, 30, after(15))],
        ),
        (
            "meta",
            'X-App-Usage: {"call_count":28,"total_time":25,"total_cputime":95}',
            [Reading("app usage", 100, 5, 3600, unit="percent")],
        ),
        (
            "zendesk",
            "zendesk-ratelimit-tickets-index: total=100; remaining=99; resets=41",
            [Reading("tickets index", 100, 99, None, after(41))],
        ),
        (
            "elevenlabs",
            "current-concurrent-requests: 2 | maximum-concurrent-requests: 5",
            [Reading("concurrent", 5, 3, unit="calls at once")],
        ),
        (
            "getresponse",
            "X-RateLimit-Limit: 30000 | X-RateLimit-Remaining: 5 | X-RateLimit-Reset: 540 seconds",
            [Reading("requests", 30_000, 5, 600, after(540))],
        ),
        (
            "jira",
            "X-RateLimit-Limit: 10 | X-RateLimit-Remaining: 0 | X-RateLimit-Reset: 2026-11-22T12:01Z",
            [Reading("burst", 10, 0, 1, after(60))],
        ),
        (
            "reddit",
            "X-Ratelimit-Remaining: 598.0 | X-Ratelimit-Reset: 421",
            [Reading("requests", None, 598, 600, after(421))],
        ),
        (
            "generic",
            "X-RateLimit-Limit: 100 | X-RateLimit-Remaining: 7 | X-RateLimit-Reset: 41",
            [Reading("requests", 100, 7, None, after(41))],
        ),
        (
            "generic",
            f"X-RateLimit-Remaining: 7 | X-RateLimit-Reset: {EPOCH}",
            [Reading("requests", None, 7, None, after(90))],
        ),
        (
            "generic",
            f"X-RateLimit-Remaining: 7 | X-RateLimit-Reset: {EPOCH}000",
            [Reading("requests", None, 7, None, after(90))],
        ),
        (
            "generic",
            f"X-RateLimit-Remaining: 7 | X-RateLimit-Reset: {EPOCH}.5",
            [Reading("requests", None, 7, None, after(90.5))],
        ),
        ("generic", "X-Rate-Limit-Limit: 600 | X-Rate-Limit-Remaining: 599", [Reading("requests", 600, 599)]),
        ("generic", "X-RateLimit-Limit: -1 | X-RateLimit-Remaining: 5", [Reading("requests", None, 5)]),
        ("generic", "X-RateLimit-Limit: 100, 100;w=60 | X-RateLimit-Remaining: 50", [Reading("requests", 100, 50, 60)]),
        # The IETF's three syntaxes
        (
            "generic",
            "RateLimit-Limit: 100, 10;w=1, 100;w=60 | RateLimit-Remaining: 50 | RateLimit-Reset: 50",
            [Reading("requests", 100, 50, 60, after(50))],
        ),
        (
            "generic",
            "RateLimit: limit=100, remaining=50, reset=5 | RateLimit-Policy: 100;w=10",
            [Reading("requests", 100, 50, 10, after(5))],
        ),
        (
            "generic",
            'RateLimit: "burst";r=50;t=30, "daily";r=900 | RateLimit-Policy: "burst";q=100;w=60,"daily";q=1000;w=86400',
            [Reading("burst", 100, 50, 60, after(30)), Reading("daily", 1000, 900, 86_400)],
        ),
        (
            "jira",
            'Beta-RateLimit: "tenant";r=17842;t=2107 | Beta-RateLimit-Policy: "tenant";q=100100;w=3600',
            [Reading("tenant", 100_100, 17_842, 3600, after(2107))],
        ),
        # A dialect whose headers are missing falls back to what is there
        ("hubspot", "X-RateLimit-Limit: 9 | X-RateLimit-Remaining: 8", [Reading("requests", 9, 8)]),
    ],
)
def test_every_dialect_is_read(dialect: str, headers: str, expected: list[Reading]) -> None:
    assert read(dialect, headers) == expected


@pytest.mark.parametrize(
    "headers",
    ["", "X-RateLimit-Limit: many", "X-RateLimit-Remaining: -", "RateLimit: nonsense", "Sforce-Limit-Info: x/y",
     "X-RateLimit-Reset: 41", "RateLimit-Policy: \"burst\";q=1;w=1", "X-App-Usage: {}"],
)  # fmt: skip
def test_what_cannot_be_read_says_nothing(headers: str) -> None:
    for dialect in dialects():
        assert read(dialect, headers) == []


def test_a_reset_beyond_any_calendar_is_not_known() -> None:
    [reading] = read("generic", "X-RateLimit-Remaining: 1 | X-RateLimit-Reset: 999999999999999999999999")
    assert reading.resets_at is None


def test_a_429_that_names_only_a_wait_is_a_reading() -> None:
    assert read("slack", "Retry-After: 30", status=429) == [Reading("wait", None, 0, None, after(30))]
    assert read("stripe", "", status=429) == []


def test_a_429_whose_bucket_is_empty_needs_no_second_reading() -> None:
    text = "X-HubSpot-RateLimit-Max: 110 | X-HubSpot-RateLimit-Remaining: 0 | Retry-After: 5"
    assert [reading.bucket for reading in read("hubspot", text, status=429)] == ["burst"]


def test_headers_come_as_bytes_and_repeat() -> None:
    assert fold([(b"X-A", b"1"), (b"x-a", b"2")]) == {"x-a": "1, 2"}


@given(st.dictionaries(st.sampled_from(sorted({
    getattr(row, field) for rows in dialects().values() for row in rows
    for field in ("limit", "remaining", "used", "reset", "value", "window_ms_header", "bucket_header")
    if getattr(row, field)
} | {"ratelimit", "ratelimit-policy", "ratelimit-reset", "retry-after"})), st.text(max_size=40)))  # fmt: skip
def test_no_header_breaks_the_reader(headers: dict[str, str]) -> None:
    for dialect in dialects():
        provider = replace(get_provider("openai"), rate_limit_dialect=dialect)
        for reading in read_limits(headers, status=429, now=NOW, provider=provider):
            assert reading.limit is None or reading.limit > 0
            assert reading.remaining is None or 0 <= reading.remaining <= 2**62
    is_limit(403, headers, b"")


@pytest.mark.parametrize(
    ("dialect", "headers"),
    [
        ("zoom", {"ratelimit-limit": "0"}),
        ("generic", {"ratelimit": '"a";r=5;t=1', "ratelimit-policy": '"a";q=0;w=60'}),
        ("trello", {"x-rate-limit-api-token-remaining": "9", "x-rate-limit-api-token-interval-ms": "9" * 18}),
    ],
)
def test_numbers_that_mean_nothing_are_not_known(dialect: str, headers: dict[str, str]) -> None:
    provider = replace(get_provider("openai"), rate_limit_dialect=dialect)
    for reading in read_limits(headers, status=200, now=NOW, provider=provider):
        assert reading.limit is None
        assert reading.resets_at is None or reading.resets_at <= NOW + timedelta(days=366)


def test_documented_limits_depend_on_kind_and_mode() -> None:
    hubspot, stripe = get_provider("hubspot"), get_provider("stripe")
    assert [(r.bucket, r.limit) for r in documented_limits(hubspot, kind="oauth2")] == [("burst", 110), ("search", 5)]
    assert [(r.bucket, r.limit) for r in documented_limits(hubspot, kind="api_key")] == [
        ("burst", 100),
        ("daily", 250_000),
        ("search", 5),
    ]
    assert documented_limits(stripe, environment="test") == [Reading("second", 25, None, 1, None, "documented")]
