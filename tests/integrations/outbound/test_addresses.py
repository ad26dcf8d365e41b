"""Nothing private is ever reached, however its address is written."""

from __future__ import annotations

import asyncio
import socket

import pytest

from integrations.outbound import BadRequest, Caller, Dialler, HostRefused, Origin, Unreachable, is_public, split_url
from integrations.outbound.call import Deadline

pytestmark = pytest.mark.matrix  # no database: one engine is enough

PRIVATE = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16 169.254.169.254
172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.1.1 192.175.48.1
198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:db8::1
2001:10::1 2002:7f00:1:: 2620:4f:8000::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1
not-an-address
""".split()  # noqa: SIM905  one table, easier to read than a list

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450::1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_form_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_is_public(address):
    assert is_public(address)


def answers_with(*addresses: str):
    """Return a resolver that gives these addresses, one set a call."""
    turns = list(addresses)

    async def resolver(host, port):
        turn = turns.pop(0) if len(turns) > 1 else turns[0]
        return [
            (socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port))
            for a in turn.split(",")
        ]

    return resolver


def get(origin: Origin, *, resolver, allowed: frozenset[str] = frozenset()):
    """Make one call with a resolver of the test's own."""

    async def run():
        caller = Caller(dialler=Dialler(resolver=resolver))
        answering = await caller.request(
            b"GET", origin, target=b"/", headers=(), body=None, deadline=Deadline(2), allowed=allowed
        )
        body = b"".join([chunk async for chunk in answering.chunks()])
        caller.close()
        return answering.status, body

    return asyncio.run(run())


@pytest.mark.parametrize("address", [a for a in PRIVATE if a != "not-an-address"])
def test_a_name_with_a_private_address_is_refused(address):
    with pytest.raises(HostRefused):
        get(Origin("https", "api.example.com", 443), resolver=answers_with(address))


def test_one_private_address_among_public_ones_is_refused():
    with pytest.raises(HostRefused):
        get(Origin("https", "api.example.com", 443), resolver=answers_with("1.1.1.1,127.0.0.1"))


def test_a_rebinding_resolver_is_asked_once_and_only_the_vetted_answer_is_used():
    """The first answer is public, the second loopback; a second look would have reached ourselves."""
    asked, used = [], []
    inner = answers_with("1.1.1.1", "127.0.0.1")

    async def resolver(host, port):
        asked.append(host)
        return await inner(host, port)

    class Recording(Dialler):
        async def _connect(self, origin, addresses):
            used.extend(info[4][0] for info in addresses)
            raise Unreachable("recorded")

    with pytest.raises(Unreachable):
        asyncio.run(Recording(resolver=resolver).open(Origin("https", "rebind.example", 443), allowed=frozenset()))
    assert (asked, used) == (["rebind.example"], ["1.1.1.1"])


def test_the_vetted_address_is_the_one_connected_to(upstream):
    """The name means nothing to the system's resolver, so only the pinned address can have been used."""
    origin = Origin("http", "pinned.invalid", upstream.port)
    assert get(origin, resolver=answers_with("127.0.0.1"), allowed=frozenset({"pinned.invalid"})) == (200, b"ok")
    assert b"Host: pinned.invalid:" in upstream.requests[0]


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "localhost", "[::1]"])
def test_other_spellings_of_loopback_are_refused(host):
    origin, _ = split_url(f"https://{host}/")
    with pytest.raises(HostRefused):
        asyncio.run(Dialler().open(origin, allowed=frozenset()))


def test_plain_http_is_refused_for_a_public_host():
    with pytest.raises(HostRefused):
        get(Origin("http", "api.example.com", 80), resolver=answers_with("1.1.1.1"))


def test_a_name_without_an_address_is_unreachable():
    async def nothing(host, port):
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(Unreachable) as caught:
        get(Origin("https", "nowhere.invalid", 443), resolver=nothing)
    assert caught.value.phase == "before"


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pass@api.example.com/",
        "https://api.example.com\\@evil.example/",
        "https://api.example.com#@evil.example/",
        "https://127。0。0。1/",
        "https://exa mple.com/",
        "https://api.example.com:0/",
        "https://api.example.com:99999/",
        "https:///path",
        "ftp://api.example.com/",
        "//api.example.com/",
        "https://api.example.com/a b",
        "https://api.example.com/a\r\nX: y",
        "https://[fe80::1%25eth0]/",
    ],
)
def test_a_url_that_two_readers_may_read_differently_is_refused(url):
    with pytest.raises(BadRequest):
        split_url(url)


def test_a_url_is_split_and_not_normalised():
    origin, target = split_url("https://API.Example.com:8443/a/%2e%2e/B?x=%7E&y")
    assert origin == Origin("https", "api.example.com", 8443)
    assert target == b"/a/%2e%2e/B?x=%7E&y"
    assert split_url("https://api.example.com?x=1")[1] == b"/?x=1"
