"""Which address a request came from."""

import pytest

from secrets_vault.people.client_address import client_address


@pytest.mark.parametrize(
    ("peer", "forwarded", "hops", "expected"),
    [
        ("203.0.113.9", "", 0, "203.0.113.9"),
        ("203.0.113.9", "1.2.3.4", 0, "203.0.113.9"),  # nobody is trusted: the header is a claim
        ("10.0.0.1", "1.2.3.4", 1, "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4", 1, "1.2.3.4"),  # what stands left was written by the caller
        ("10.0.0.1", "1.2.3.4, 10.0.0.2", 2, "1.2.3.4"),
        ("10.0.0.1", "1.2.3.4", 2, "10.0.0.1"),  # fewer entries than proxies: a proxy was passed by
        ("10.0.0.1", "not-an-address", 1, "10.0.0.1"),
        ("::ffff:1.2.3.4", "", 0, "1.2.3.4"),
        ("2001:db8::1", "", 0, "2001:db8::1"),
        ("", "", 0, ""),
    ],
)
def test_the_caller_is_counted_from_the_right(peer, forwarded, hops, expected):
    assert client_address(peer, forwarded, trusted_hops=hops) == expected
