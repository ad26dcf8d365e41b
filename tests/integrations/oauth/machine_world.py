"""Acme's connections whose tokens nobody consents to, and a token endpoint that notes what it is sent."""

from __future__ import annotations

import json
from email.utils import format_datetime
from functools import cache
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from integrations import outbound
from integrations.models import Connection, CustomProvider, OAuthApp
from integrations.oauth.app import make_app
from integrations.providers.custom import custom_from
from secrets_vault.actor import COMMAND
from secrets_vault.secret import Secret
from tests.factories import make_client
from tests.integrations.oauth.world import NOW

TOKEN_URL = "https://id.vendor.example/token"
KEY = "custom-vendor"
CLAIMS = {"iss": "robot@vendor.example", "sub": "jo@acme.example"}


@cache
def pem(kind: str = "RSA", size: int | str = 2048) -> str:
    """Return a private key; one of each kind is enough for a whole run."""
    if size == "brainpoolP256r1":  # JOSE has no name for it
        made = ec.generate_private_key(ec.BrainpoolP256R1())
        return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    makers = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    return makers[kind].generate_key(size).as_pem(private=True).decode()


def vendor_facts(**oauth) -> dict:
    """Return the facts of a described provider with a token address, and with these OAuth facts."""
    table = {"base_url": "https://api.vendor.example", "token_url": TOKEN_URL}
    more = {"oauth": oauth, "probe": {"method": "GET", "path": "/me"}}
    return custom_from(table, key=KEY, name="Vendor", today=NOW.date(), **more)


def make_machine(kind: str, *, claims: dict | None = None, slug: str = "acme-vendor", **oauth) -> Connection:
    """Return a connection of a kind that asks for its own tokens; not connected yet."""
    client = make_client()
    CustomProvider.objects.update_or_create(key=KEY, defaults={"name": "Vendor", "facts": vendor_facts(**oauth)})
    app = None
    if kind == "client_credentials":
        app = OAuthApp.objects.filter(name="Vendor app").first() or make_app(
            "Vendor app", KEY, client_id="the-app", client_secret=Secret("the-client-secret"), actor=COMMAND
        )
    return Connection.objects.create(
        slug=slug,
        client=client,
        environment=client.environments.first(),
        provider_key=KEY,
        kind=kind,
        oauth_app=app,
        requested_scopes=["read", "write"],
    )


class Endpoint:
    """Answers token requests and the probe, and keeps what arrived."""

    def __init__(self, **answer) -> None:
        self.answer = {"access_token": "at-1", "token_type": "Bearer", "expires_in": 3600} | answer
        self.status, self.date, self.probe_status = 200, NOW, 200
        self.asked: list[tuple[str, dict, dict]] = []
        self.probed: list[dict[str, str]] = []

    def __call__(self, method, url, *, headers, body=b"", **_):
        if url.endswith("/me"):
            self.probed.append({name.decode().lower(): value.decode() for name, value in headers})
            return outbound.Answer(self.probe_status, (), b"{}")
        self.asked.append((url, {k: v[0] for k, v in parse_qs((body or b"").decode()).items()}, dict(headers)))
        text = json.dumps(self.answer).encode()
        return outbound.Answer(self.status, ((b"Date", format_datetime(self.date, usegmt=True).encode()),), text)

    @property
    def form(self) -> dict[str, str]:
        """Return the form of the last token request."""
        return self.asked[-1][1]


def read_jwt(text: str) -> tuple[dict, dict]:
    """Return header and claims of a JWT, unverified."""
    found = jws.extract_compact(text.encode())
    return found.headers(), json.loads(found.payload)
