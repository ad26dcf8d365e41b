"""Which quotas a call counts in: what answers have taught goes before what the facts say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from integrations.gateway.quota import rules
from integrations.gateway.quota.rules import Learnt, Whose
from integrations.limits import Reading
from integrations.providers.limit_facts import Limit

pytestmark = pytest.mark.matrix

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MINE = Whose(UUID(int=1), "hubspot", UUID(int=2), "portal")
BURST = Limit("burst", 100, 10, "per app and portal", scope="app_account")
SEARCH = Limit("search", 5, 1, "per portal", scope="account", paths=("/crm/*/search",), methods=("POST",))
DAY = Limit("daily", 250_000, 86_400, "per portal", scope="account")


def learnt(*readings: Reading, path: bytes = b"/crm/v3", known: tuple[Learnt, ...] = ()) -> tuple[Learnt, ...]:
    return rules.learn(known, readings, path=path, now=NOW)


def words(*documented: Limit, known: tuple[Learnt, ...] = (), method: str = "GET", path: bytes = b"/a") -> list[str]:
    found = rules.rules(MINE, documented, known, line=0.8)
    return [rule.words for rule in found if rule.is_for(method, path)]


def test_a_documented_limit_holds_until_an_answer_says_better():
    assert words(BURST) == ["100 in 10 s"]
    assert words(BURST, known=learnt(Reading("burst", 190, 189, 10))) == ["190 in 10 s"]
    assert words(BURST, known=learnt(Reading("requests", 190, 189, 10))) == ["190 in 10 s"]


def test_a_documented_day_is_not_enforced_and_a_told_one_is():
    assert words(BURST, DAY) == ["100 in 10 s"]
    assert words(DAY, known=learnt(Reading("daily", 500_000, 1, 86_400))) == ["500000 in 86400 s"]


def test_a_class_of_calls_has_its_own_quota_beside_the_others():
    path = b"/crm/v3/objects/contacts/search"
    assert words(BURST, SEARCH, method="POST", path=path) == ["100 in 10 s", "5 in 1 s"]
    assert words(BURST, SEARCH, method="GET", path=path) == ["100 in 10 s"]
    assert words(BURST, SEARCH, method="POST", path=b"/crm/v3/objects") == ["100 in 10 s"]


def test_what_counts_something_else_than_calls_is_no_quota_of_calls():
    assert learnt(Reading("tokens", 150_000, 9, 60, unit="tokens")) == ()
    assert words(Limit("tokens", 90_000, 60, "per key", unit="tokens")) == []


@pytest.mark.parametrize(
    ("scope", "shares"),
    [("connection", ""), ("app", "a"), ("account", "b"), ("app_account", "")],
)
def test_who_shares_a_quota(scope, shares):
    same_app = Whose(UUID(int=3), "hubspot", UUID(int=2), "other")
    same_account = Whose(UUID(int=3), "hubspot", UUID(int=4), "portal")
    assert (MINE.key(scope) == same_app.key(scope)) == (shares == "a")
    assert (MINE.key(scope) == same_account.key(scope)) == (shares == "b")
    assert MINE.key(scope) == Whose(MINE.connection_id, "hubspot", MINE.app_id, "portal").key(scope)


def test_an_account_that_is_not_known_is_shared_with_nobody():
    unknown = [Whose(UUID(int=n), "hubspot") for n in (1, 2)]
    assert unknown[0].key("account") != unknown[1].key("account")


def test_an_accounts_id_stands_in_no_key():
    assert "portal" not in MINE.key("account")


def test_a_window_that_nobody_names_is_the_longest_reset_seen():
    known = learnt(Reading("requests", 60, 59, None, NOW + timedelta(seconds=8)))
    assert known[0].window_s == 10
    known = learnt(Reading("requests", 60, 58, None, NOW + timedelta(seconds=55)), known=known)
    assert known[0].window_s == 60
    assert learnt(Reading("requests", 60, 58, None, NOW + timedelta(seconds=2)), known=known) is known


def test_nothing_new_is_the_same_tuple():
    known = learnt(Reading("burst", 190, 189, 10))
    assert learnt(Reading("burst", 190, 188, 10), path=b"/other/9", known=known) is known


def test_limits_that_differ_from_path_to_path_are_kept_apart():
    known = learnt(Reading("window", 900, 899, 900), path=b"/2/tweets")
    known = learnt(Reading("window", 15, 14, 900), path=b"/2/users/1", known=known)
    assert words(known=known, path=b"/2/tweets/7") == ["900 in 900 s"]
    assert words(known=known, path=b"/2/users/9") == ["15 in 900 s"]
    assert words(known=known, path=b"/2/lists") == ["900 in 900 s"]


def test_a_bucket_that_the_provider_names_is_for_the_calls_that_it_named_it_for():
    known = learnt(Reading("core", 5000, 9, 3600), path=b"/repos/a")
    known = learnt(Reading("search", 30, 29, 60, family="core"), path=b"/search/code", known=known)
    assert words(known=known, path=b"/search/code") == ["30 in 60 s"]
    assert words(known=known, path=b"/repos/b") == ["5000 in 3600 s"]


def test_a_plan_that_changes_takes_the_place_of_the_old_one():
    known = learnt(Reading("burst", 100, 99, 10))
    for number in range(rules.MOST_CLASSES + 1):
        known = learnt(Reading("burst", 190, 189, 10), path=b"/v3/%d" % number, known=known)
    assert words(known=known) == ["190 in 10 s"]
    assert len(known) == 1


def test_what_was_learnt_is_read_as_it_was_written():
    known = learnt(Reading("window", 900, 899, 900), Reading("daily", 9_000, 1, 86_400), path=b"/2/tweets")
    known = learnt(Reading("window", 15, 14, 900), path=b"/2/users", known=known)
    assert rules.load(rules.dump(known)) == known


@pytest.mark.parametrize("raw", [b"", b"null", b"[[1]]", b'[["a","b",0,1,[]]]', b'[["a","b",1,0,[]]]', b"\xff"])
def test_what_cannot_be_read_teaches_nothing(raw):
    assert rules.load(raw) == ()
