"""Whose quota a documented limit is, and for which calls: what the facts say in words and in their fields agrees."""

from __future__ import annotations

import re
from uuid import UUID

import pytest

from integrations.gateway.quota.rules import Whose, rules
from integrations.providers.limit_facts import Limit
from integrations.providers.registry import all_providers, get_provider

pytestmark = pytest.mark.matrix  # no database: one engine is enough

LIMITS = [(provider.key, limit) for provider in all_providers() for limit in provider.limits]
WHOSE = (
    (re.compile(r"per (?:app and (?:portal|location)|company and app|method, workspace and app)"), "app_account"),
    (re.compile(r"per (?:app|project)\b(?! and user)"), "app"),
    (re.compile(r"per (?:account|company|workspace|site|shop|team|website|portal|organisation)\b"), "account"),
    (re.compile(r"per (?:token|key|bot|user|person|address|base|chat|group|endpoint|phone number)\b"), "connection"),
)
EXCEPT = {
    ("xero", "minute"),
    ("xero", "daily"),
}  # per organisation, and per app at that: the app minute beside it says so


@pytest.mark.parametrize(("key", "limit"), LIMITS, ids=lambda part: part if isinstance(part, str) else part.bucket)
def test_a_limit_is_shared_by_whom_its_words_name(key: str, limit: Limit) -> None:
    named = next((scope for words, scope in WHOSE if words.search(limit.per)), None)
    if named is not None and (key, limit.bucket) not in EXCEPT:
        assert limit.scope == named, limit.per


@pytest.mark.parametrize(("key", "limit"), LIMITS, ids=lambda part: part if isinstance(part, str) else part.bucket)
def test_a_limit_of_one_method_or_chat_is_not_laid_on_every_call(key: str, limit: Limit) -> None:
    if re.search(r"per (?:method|chat|group|endpoint)\b", limit.per) or limit.bucket in (
        "points",
        "credits",
        "complexity",
    ):
        assert limit.unit != "calls", key


@pytest.mark.parametrize(
    ("key", "method", "path", "buckets"),
    [
        ("hubspot", "POST", b"/crm/v3/objects/contacts/search", {"burst", "search"}),
        ("hubspot", "POST", b"/crm/objects/2026-03/deals/search", {"burst", "search"}),
        ("hubspot", "POST", b"/crm/v3/objects/contacts", {"burst"}),
        ("hubspot", "GET", b"/crm/v3/objects/contacts/search", {"burst"}),
        ("replicate", "POST", b"/models/meta/llama/predictions", {"minute"}),
        ("replicate", "GET", b"/predictions/x", set()),
        ("coda", "POST", b"/docs", {"writes"}),
        ("coda", "GET", b"/docs", {"reads"}),
        ("slack", "POST", b"/chat.postMessage", set()),
        ("telegram_bot", "POST", b"/sendMessage", {"second"}),
    ],
)
def test_a_call_counts_in_the_limits_that_are_for_it(key: str, method: str, path: bytes, buckets: set[str]) -> None:
    whose = Whose(UUID(int=1), key)
    found = rules(whose, get_provider(key).limits, (), line=0.8)
    assert {rule.bucket for rule in found if rule.is_for(method, path)} == buckets
