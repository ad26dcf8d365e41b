"""A limit is known however a provider says it, and money that is gone is not mistaken for one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from integrations.limits import asked_wait_s, error_codes, is_limit, never_repeat
from integrations.providers.limit_facts import LimitSignal
from integrations.providers.registry import get_provider

pytestmark = pytest.mark.matrix  # no database: one engine is enough

OPENAI_QUOTA = (
    b'{"error": {"message": "You exceeded your current quota, please check your plan and billing details.",'
    b' "type": "insufficient_quota", "param": null, "code": "insufficient_quota"}}'
)
HUBSPOT_BURST = (
    b'{"status":"error","message":"You have reached your ten_secondly_rolling limit.",'
    b'"errorType":"RATE_LIMIT","correlationId":"c","policyName":"TEN_SECONDLY_ROLLING"}'
)


@pytest.mark.parametrize("status", [429, 420, 509, 529])
def test_some_statuses_always_mean_a_limit(status: int) -> None:
    assert is_limit(status, {}, b"")


@pytest.mark.parametrize(
    ("headers", "body", "limited"),
    [
        ({"X-RateLimit-Remaining": "0"}, b"", True),
        ({"Retry-After": "60"}, b"", True),
        ({"X-RateLimit-Remaining": "7"}, b"rate limit", False),
        ({}, b'{"message":"rate limit"}', False),
    ],
)
def test_a_403_is_a_limit_only_when_its_headers_say_so(headers: dict[str, str], body: bytes, limited: bool) -> None:
    assert is_limit(403, headers, body) is limited


def test_a_provider_may_say_limit_with_a_status_of_its_own() -> None:
    provider = replace(get_provider("openai"), limit_signals=(LimitSignal(200, ("ratelimited",), false_at="ok"),))
    assert is_limit(200, {}, b'{"ok":false,"error":"ratelimited"}', provider=provider)
    assert not is_limit(200, {}, b'{"ok":true,"text":"ratelimited"}', provider=provider)
    assert not is_limit(200, {}, b'{"ok":true,"messages":[{"error":"ratelimited"}]}', provider=provider)
    assert not is_limit(200, {}, b'{"ok":0,"error":"ratelimited"}', provider=provider)
    assert not is_limit(200, {}, b'[{"ok":false,"error":"ratelimited"}]', provider=provider)
    assert not is_limit(200, {}, b'{"ok":false,"error":"ratelimited"', provider=provider)
    assert not is_limit(200, {}, b"[" * 8_000, provider=provider)
    assert not is_limit(200, {}, b'{"ok":false,"error":"ratelimited","x":"' + b"x" * 8_192 + b'"}', provider=provider)
    assert not is_limit(200, {}, b'{"ok":false,"error":"ratelimited"}', provider=get_provider("openai"))


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (OPENAI_QUOTA, ("insufficient_quota",)),
        (OPENAI_QUOTA[:140], ("insufficient_quota",)),
        (HUBSPOT_BURST, ("error", "RATE_LIMIT", "TEN_SECONDLY_ROLLING")),
        ('[{"message":"x","errorCode":"REQUEST_LIMIT_EXCEEDED"}]', ("REQUEST_LIMIT_EXCEEDED",)),
        (b"<html>code</html>", ()),
        (b"\xff\xfe", ()),
        (b"", ()),
    ],
)
def test_codes_are_found_in_whole_and_cut_bodies(body: bytes | str, codes: tuple[str, ...]) -> None:
    assert error_codes(body) == codes


@pytest.mark.parametrize(
    ("codes", "key", "useless"),
    [
        ("insufficient_quota", "openai", True),
        (error_codes(OPENAI_QUOTA), "openai", True),
        (("RATE_LIMIT", "DAILY"), "hubspot", True),
        (("RATE_LIMIT", "DAILY"), "openai", False),
        (error_codes(HUBSPOT_BURST), "hubspot", False),
        ("rate_limit_exceeded", "openai", False),
        ((), "openai", False),
    ],
)
def test_a_repeat_that_cannot_help_is_known(codes: str | tuple[str, ...], key: str, useless: bool) -> None:
    assert never_repeat(codes, provider=get_provider(key)) is useless


def test_a_success_is_never_a_limit_by_a_word_alone() -> None:
    with pytest.raises(ValueError, match="false_at"):
        LimitSignal(200, ("ratelimited",))
    with pytest.raises(ValueError, match="a code alone"):
        LimitSignal(200, ("ratelimited",), false_at="ok", says=("ratelimited",))
    with pytest.raises(ValueError, match="must be given"):
        LimitSignal(403)


NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "headers", "body", "wait_s"),
    [
        ("telegram_bot", {}, '{"ok":false,"error_code":429,"parameters":{"retry_after":35}}', 35),
        ("telegram_bot", {"retry-after": "9"}, '{"parameters":{"retry_after":35}}', 9),
        ("discord", {}, '{"message":"You are being rate limited.","retry_after":64.57,"global":false}', 64.57),
        (
            "google_gemini",
            {},
            '{"error":{"code":429,"details":[{"@type":"x.QuotaFailure"},{"@type":"x.RetryInfo","retryDelay":"13s"}]}}',
            13,
        ),
        ("monday", {}, '{"errors":[{"extensions":{"code":"COMPLEXITY_BUDGET_EXHAUSTED","retry_in_seconds":12}}]}', 12),
        ("dropbox", {}, '{"error_summary":"too_many_requests/","error":{"retry_after":300}}', 300),
        ("telegram_bot", {}, '{"parameters":{"retry_after":99999999999}}', 366 * 86_400),
        ("telegram_bot", {}, '{"parameters":{"retry_after":[9],"x":true}}', None),
        ("telegram_bot", {}, '{"parameters":', None),
        ("openai", {}, '{"parameters":{"retry_after":35}}', None),
    ],
)
def test_a_wait_is_read_where_the_vendor_says_it(
    key: str, headers: dict[str, str], body: str, wait_s: float | None
) -> None:
    assert asked_wait_s(headers, body, provider=get_provider(key), now=NOW) == wait_s
