"""Which addresses are the public internet, by our own list.

`ipaddress.is_global` is not enough: it calls ::127.0.0.1, NAT64, multicast, fec0::/10 and
3fff::/20 global (checked on CPython 3.13, 2026-11). For IPv6 the list says what is allowed, since
only 2000::/3 is given out (IANA IPv6 address space, 2026); for IPv4 it says what is not.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_V4_REFUSED = tuple(
    IPv4Network(net)
    for net in (
        "0.0.0.0/8",  # this network (RFC 1122)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # carrier NAT (RFC 6598), and one cloud's metadata service
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # another cloud's host agent, on a public-looking address
        "169.254.0.0/16",  # link-local: metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays, withdrawn (RFC 7526)
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_V6_ALLOWED = IPv6Network("2000::/3")
_V6_REFUSED = tuple(
    IPv6Network(net)
    for net in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries any IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation (RFC 9637)
    )
)


def is_public(address: str) -> bool:
    """Tell whether an address (as text, from a resolver) belongs to the public internet.

    A scope ("%eth0") and any form that cannot be read are not public.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return not any(found in net for net in _V4_REFUSED)
    return _is_public_v6(found)


def _is_public_v6(found: IPv6Address) -> bool:
    # Mapped, NAT64 and compatible forms lie outside 2000::/3, so they need no line of their own.
    return found.scope_id is None and found in _V6_ALLOWED and not any(found in net for net in _V6_REFUSED)
