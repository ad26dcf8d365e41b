"""Where a request may come from: networks, never strings. `1.2.3.4` is not the beginning of `1.2.3.40`."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
MAPPED = IPv6Network("::ffff:0:0/96")


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return addresses and ranges as networks; raises ValueError for what is neither.

    A range of IPv4 addresses written as IPv6 ("::ffff:192.0.2.0/120") is the IPv4 range.
    """
    return tuple(_plain(ip_network(text.strip(), strict=False)) for text in texts)


def is_among(address: str, allowed: tuple[Network, ...]) -> bool:
    """Tell whether an address is in one of the networks. What is no address is in none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    plain = getattr(found, "ipv4_mapped", None) or found
    return any(plain in network for network in allowed)


def _plain(network: Network) -> Network:
    if isinstance(network, IPv6Network) and network.prefixlen >= MAPPED.prefixlen and network.subnet_of(MAPPED):
        mapped = network.network_address.ipv4_mapped
        return IPv4Network((int(mapped or 0), network.prefixlen - MAPPED.prefixlen))
    return network
