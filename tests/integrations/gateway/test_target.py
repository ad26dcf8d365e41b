"""Paths: sent as received, judged once, matched whole."""

from __future__ import annotations

import random
import re
import time

import pytest

from integrations.gateway.target import is_allowed, is_refused, joined, split_path

pytestmark = pytest.mark.matrix  # no database: one engine is enough

PASSING = [
    b"/",
    b"/a",
    b"/a/",
    b"/a//b",
    b"/a%2Fb",
    b"/a%2fb",
    b"/%2Fa",
    b"/a%20b",
    b"/a+b",
    b"/%C3%A9",
    b"/%c3%a9",
    b"/%E9",
    b"/%",
    b"/%zz",
    b"/%2",
    b"/%25",
    b"/%252e%252e/a",
    b"/...",
    b"/..a",
    b"/a..",
    b"/.a",
    b"/a.",
    b"/.well-known/x",
    b"/a;b=c",
    b"/a:b@c,d",
    b"/~a",
    b"/%7Ea",
    b"/!$&'()*+,;=:@",
    b"/https://other.example/",
    b"/crm/v3/objects/contacts/1?properties=email,name",
    b"/a?b",
    b"/a?b=c&b=d",
    b"/a?b=../..",
    b"/a?b=%2e%2e%2f",
    b"/a?b=//c",
    b"/a?b=c;d",
    b"/a?q=a+b%20c",
    b"/a?q=%7B%22a%22%7D",
    b"/a?&&",
    b"/a?=",
    b"/a?%",
    b"/a?b[]=c",
    b"/a?b=https://c/?d=e",
    b"/" + b"x" * 4000,
    b"/a?" + b"y" * 4000,
]

REFUSED = [
    b"//",
    b"//evil.example/",
    b"///a",
    b"/..",
    b"/../",
    b"/../a",
    b"/a/..",
    b"/a/../b",
    b"/.",
    b"/./a",
    b"/a/.",
    b"/a/./b",
    b"/%2e%2e",
    b"/%2E%2E/a",
    b"/.%2e/a",
    b"/%2e./a",
    b"/%2e/a",
    b"/a/%2e%2e%2fb",
    b"/..%2fa",
    b"/..%2Fa",
    b"/a%2f..%2fb",
    b"/a%2f..",
    b"/%2f..",
    b"/..;/a",
    b"/..;x=y/a",
    b"/.;/a",
    b"/%2e%2e;/a",
    b"/..%3b/a",
    b"/a\\b",
    b"/a%5cb",
    b"/a%5Cb",
    b"/..\\a",
    b"/..%5ca",
    b"/a%00",
    b"/%00",
    b"/a%00.json",
    b"/%c0%ae%c0%ae/a",
    b"/%c0%af",
    b"/%e0%80%ae/a",
    b"/%f0%80%80%af",
    b"/a b",
    b"/a\tb",
    b"/a\r\nb",
    b"/a\x00",
    b"/a\x7f",
    b"/a#b",
]


@pytest.mark.parametrize("target", PASSING, ids=repr)
def test_an_honest_path_passes(target):
    assert not is_refused(target.partition(b"?")[0])


@pytest.mark.parametrize("path", REFUSED, ids=repr)
def test_a_path_that_two_servers_may_read_differently_is_refused(path):
    assert is_refused(path)


@pytest.mark.parametrize(
    ("path", "patterns", "allowed"),
    [
        (b"/crm/v3/objects", (), True),
        (b"/crm/v3/objects", ("/crm/v3/*",), True),
        (b"/crm/v3/a/b/c", ("/crm/v3/*",), True),
        (b"/crm/v3/", ("/crm/v3/*",), True),
        (b"/crm/v3", ("/crm/v3/*",), False),
        (b"/CRM/v3/objects", ("/crm/v3/*",), False),
        (b"/x/crm/v3/objects", ("/crm/v3/*",), False),
        (b"/crm/v3/objects/x", ("/crm/v3/objects",), False),
        (b"/crm/v3/objects", ("/other", "/crm/v3/objects"), True),
        (b"/crm%2fv3", ("/crm/v3",), False),
        (b"/a.b", ("/a?b",), False),
        (b"/aXb", ("/a.b",), False),
        (b"/a/b\n", ("/a/b",), False),
        (b"/a/1/c", ("/a/*/c",), True),
        (b"/a/1/d", ("/a/*/c",), False),
        (b"", ("/",), True),
    ],
)
def test_a_pattern_matches_the_whole_raw_path(path, patterns, allowed):
    assert is_allowed(path, patterns) is allowed


def test_a_target_is_base_path_raw_path_and_raw_query():
    assert joined(b"/v1/", b"/chat", b"a=%7E") == b"/v1/chat?a=%7E"
    assert joined(b"/", b"/chat", b"") == b"/chat"
    assert joined(b"/", b"", b"") == b"/"
    assert joined(b"/v1", b"", b"x") == b"/v1?x"


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"/gateway/acme-hubspot/crm/v3", ("acme-hubspot", b"/crm/v3")),
        (b"/gateway/acme", ("acme", b"")),
        (b"/gateway/acme/", ("acme", b"/")),
        (b"/gateway/acme//x", ("acme", b"//x")),
        (b"/gateway/", None),
        (b"/gateway", None),
        (b"/gateway/a%2Db/x", None),
        (b"/%67ateway/acme/x", None),
    ],
)
def test_the_slug_is_the_first_segment(raw, found):
    assert split_path(raw) == found


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        (b"/crm/" + b"/objects/" * 400 + b"/x/" * 1200, "/crm/*/objects/*/x/*/y"),
        (b"/" + b"a" * 8000, "/*a*a*a*a*a*b"),
    ],
)
def test_no_path_takes_longer_than_its_length_to_judge(path, pattern):
    begun = time.thread_time()
    assert not is_allowed(path, (pattern,))
    assert is_allowed(path + pattern.rpartition("*")[2].encode(), (pattern,))
    assert time.thread_time() - begun < 1  # a regular expression needs seven seconds, or for ever


def test_patterns_say_the_same_as_the_regular_expressions_they_stand_for():
    chance = random.Random(7)
    for _ in range(20_000):
        path = bytes(chance.choices(b"/ab", k=chance.randrange(9)))
        pattern = "".join(chance.choices("/ab**", k=chance.randrange(1, 8)))
        wanted = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), (path or b"/").decode()) is not None
        assert is_allowed(path, (pattern,)) is wanted, (path, pattern)
