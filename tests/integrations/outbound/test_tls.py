"""Certificates are always checked."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from django.conf import settings

from integrations.outbound import Dialler, Origin, Unreachable
from integrations.outbound.dial import tls_context


@pytest.fixture
def self_signed(tmp_path):
    """Yield the port of a TLS server whose certificate nobody signed."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")])
    made = (
        x509.CertificateBuilder(name, name, private_key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(private_key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                sock, _ = listening.accept()
                context.wrap_socket(sock, server_side=True).close()
            except ssl.SSLError:
                continue
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1], pem
    listening.close()


def dial(origin: Origin, **options):
    """Open a connection and close it."""

    async def run():
        (await Dialler(**options).open(origin, allowed=frozenset({origin.host}))).close()

    asyncio.run(run())


def test_a_certificate_that_nobody_signed_is_refused(self_signed):
    port, _ = self_signed
    with pytest.raises(Unreachable, match="certificate") as caught:
        dial(Origin("https", "127.0.0.1", port))
    assert not caught.value.was_sent


def test_the_name_in_the_certificate_is_checked(self_signed):
    port, pem = self_signed
    trusting = ssl.create_default_context(cafile=str(pem))
    dial(Origin("https", "localhost", port), tls=lambda: trusting)

    async def resolver(host, port):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    with pytest.raises(Unreachable, match="certificate"):
        dial(Origin("https", "other.example", port), tls=lambda: trusting, resolver=resolver)


def test_the_tls_setting_checks_and_nothing_switches_it_off():
    context = tls_context()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    tracked = subprocess.run(
        ["grep", "-rlE", "verify=False|CERT_NONE|check_hostname = False", "integrations", "secrets_vault", "config"],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert [name for name in tracked.stdout.split() if Path(name).suffix != ".pyc"] == []
