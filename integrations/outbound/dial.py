"""Opens one connection: resolves once, vets every address, connects to a vetted one, checks the certificate."""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import aiohappyeyeballs
from django.conf import settings

from integrations.outbound.addresses import is_public
from integrations.outbound.errors import HostRefused, OutboundError, Unreachable
from integrations.outbound.origin import Origin
from integrations.outbound.wire import Wire
from secrets_vault.models import InstallationSetting

ALLOWED_HOSTS_SETTING = "outbound.allowed_hosts"
CONNECT_S = 10.0

AddressInfo = tuple[Any, ...]
Resolver = Callable[[str, int], Awaitable[list[AddressInfo]]]


async def resolve(host: str, port: int) -> list[AddressInfo]:
    """Return what the system's resolver says, as getaddrinfo does."""
    loop = asyncio.get_running_loop()
    return list(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP))


def allowed_private_hosts() -> frozenset[str]:
    """Return the hosts (or host:port) that may be private and plain http: settings and the sandbox button's row."""
    row = InstallationSetting.objects.filter(pk=ALLOWED_HOSTS_SETTING).values_list("value", flat=True).first()
    return private_hosts(row or ())


def private_hosts(chosen: Iterable[object]) -> frozenset[str]:
    """Return the hosts that may be private: those of the settings, and those that the row names."""
    names = [*settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS, *map(str, chosen)]
    return frozenset(name.strip().lower() for name in names)


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Return the one TLS setting there is: certificates are checked, HTTP/1.1, TLS 1.2 or newer."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class Dialler:
    """Opens connections. The resolver is passed in, so that a test can decide what a name means."""

    def __init__(self, *, resolver: Resolver = resolve, tls: Callable[[], ssl.SSLContext] = tls_context) -> None:
        self._resolver = resolver
        self._tls = tls

    async def open(self, origin: Origin, *, allowed: frozenset[str]) -> Wire:
        """Return an open connection to a vetted address; raises HostRefused or Unreachable."""
        try:
            async with asyncio.timeout(CONNECT_S):
                addresses = await self.vetted(origin, allowed=allowed)
                return await self._connect(origin, addresses)
        except TimeoutError as error:
            raise Unreachable("no connection within the time") from error

    async def vetted(self, origin: Origin, *, allowed: frozenset[str]) -> list[AddressInfo]:
        """Return the addresses that a call to this origin may go to; raises HostRefused or Unreachable."""
        may_be_private = origin.is_named_by(allowed)
        if origin.scheme == "http" and not may_be_private:
            raise HostRefused("plain http is only allowed for hosts opened in settings")
        try:
            found = await self._resolver(origin.host, origin.port)
        except (OSError, UnicodeError) as error:
            raise Unreachable("the host name has no address") from error
        if not found:
            raise Unreachable("the host name has no address")
        # One private address among public ones is enough to refuse: which of them would be used is luck.
        if not may_be_private and not all(is_public(info[4][0]) for info in found):
            raise HostRefused("the host has an address that is not public")
        return found

    async def _connect(self, origin: Origin, addresses: list[AddressInfo]) -> Wire:
        loop = asyncio.get_running_loop()
        sock: socket.socket | None = None
        try:
            sock = await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=0.25, interleave=1)
            tls = self._tls() if origin.scheme == "https" else None
            name = origin.host if tls else None
            _, wire = await loop.create_connection(
                functools.partial(Wire, loop), sock=sock, ssl=tls, server_hostname=name
            )
        except ssl.SSLCertVerificationError as error:
            raise self._failed(sock, "the certificate is not valid for this host") from error
        except ssl.SSLError as error:
            raise self._failed(sock, "TLS failed") from error
        except OSError as error:
            raise self._failed(sock, "the connection was refused or broke") from error
        except asyncio.CancelledError:
            self._failed(sock, "cancelled")
            raise
        return wire

    def _failed(self, sock: socket.socket | None, reason: str) -> OutboundError:
        if sock is not None:
            sock.close()
        return Unreachable(reason)
