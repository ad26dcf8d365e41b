"""A sample answer of each dialect of rate limits that vendors speak: what it reads as, and whether it is a limit."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.limits import Reading, error_codes, is_limit, may_be_limit, never_repeat, read_limits
from integrations.limits.reading import dialects
from integrations.providers.registry import catalogue, get_provider

pytestmark = pytest.mark.matrix  # no database: one engine is enough

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TABLE = tomllib.loads(Path(__file__).with_name("answers.toml").read_text(encoding="utf-8"))
ANSWERS: list[dict[str, Any]] = TABLE["answer"]
HOW_MANY = 82  # dialects of the vendors in the catalogue


def headers_of(answer: dict[str, Any]) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in answer.get("headers", []))


def reading(row: list[Any]) -> Reading:
    """Return the reading of a row, as the table's head says what its parts are."""
    bucket, limit, remaining, window_s, reset_s, *more = [None if part == -1 else part for part in row]
    resets_at = None if reset_s is None else NOW + timedelta(seconds=reset_s)
    unit, family = [*more, *("calls", "")[len(more) :]]
    return Reading(bucket, limit, remaining, window_s, resets_at, unit=unit, family=family)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: f"{answer['dialect']}-{answer['status']}")
def test_an_answer_in_each_dialect_is_read(answer: dict[str, Any]) -> None:
    provider, status, body = get_provider(answer["provider"]), answer["status"], answer.get("body", "").encode()
    readings = read_limits(headers_of(answer), status=status, now=NOW, provider=provider)
    assert readings == [reading(row) for row in answer.get("reads", [])]
    assert is_limit(status, headers_of(answer), body, provider=provider) is answer["is_limit"]
    assert never_repeat(error_codes(body), provider=provider) is answer.get("never_repeat", False)
    if status < 400 and answer["is_limit"]:
        assert may_be_limit(status, provider=provider)


def test_every_dialect_has_an_answer_that_is_a_limit() -> None:
    assert len({answer["dialect"] for answer in ANSWERS}) == HOW_MANY
    assert len({answer["dialect"] for answer in ANSWERS if answer["is_limit"]}) == HOW_MANY


def test_every_group_of_headers_that_a_provider_has_is_read_by_a_sample() -> None:
    spoken = {provider.rate_limit_dialect for provider in catalogue().values()}
    assert spoken <= set(dialects())
    assert {get_provider(answer["provider"]).rate_limit_dialect for answer in ANSWERS} == spoken


@pytest.mark.parametrize(
    ("key", "status", "body"),
    [
        ("github", 200, '{"data":{"issue":{"title":"RATE_LIMITED","type":"RATE_LIMITED"}}}'),
        ("shopify", 200, '{"data":{"product":{"code":"THROTTLED"}},"errors":[]}'),
        ("monday", 200, '{"data":{"text":"errors extensions code DAILY_LIMIT_EXCEEDED"}}'),
        ("tiktok_ads", 200, '{"code":0,"message":"OK","data":{"code":40100}}'),
        ("shopify", 200, '{"errors":[{"extensions":{"code":"THROTTLED"}}],"x":"' + "x" * 8_192 + '"}'),
        ("meta", 400, '{"error":{"code":100,"message":"(#100) 17 characters"}}'),
        ("github", 403, '{"message":"Resource not accessible by integration"}'),
        ("quickbooks", 403, '{"Fault":{"Error":[{"Message":"message=AuthorizationFailed; errorCode=003100"}]}}'),
        ("aws", 400, '{"__type":"ValidationException","message":"rate"}'),
        ("microsoft_graph", 503, '{"error":{"code":"serviceNotAvailable"}}'),
        ("elevenlabs", 401, '{"detail":{"status":"invalid_api_key"}}'),
    ],
)
def test_what_only_looks_like_a_limit_is_none(key: str, status: int, body: str) -> None:
    assert not is_limit(status, {}, body, provider=get_provider(key))
