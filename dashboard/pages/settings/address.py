"""The address under which others reach this installation, and a test of it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import gettext as _

from dashboard.pages.owner import owner_only
from dashboard.render import PageRequest, render_page
from integrations import outbound

MEANT_FOR_US = b"ok"


@dataclass(frozen=True)
class Finding:
    """How the test went: a tone, what was seen, and what to do about it."""

    tone: str
    title: str
    text: str


@owner_only
def address(request: PageRequest) -> HttpResponse:
    """Show the address; POST calls it from outside in and says what came back."""
    finding = examine() if request.method == "POST" else None
    context = {
        "tab": "address",
        "public_url": settings.KEYLODGE_PUBLIC_URL,
        "is_https": settings.IS_HTTPS,
        "callback": f"{settings.KEYLODGE_PUBLIC_URL}/oauth/callback",
        "finding": finding,
    }
    return render_page(request, "dashboard/settings/address.html", context)


def examine() -> Finding:
    """Call our own /healthz by its public address and put the outcome in words."""
    host = urlsplit(settings.KEYLODGE_PUBLIC_URL).hostname or ""
    if not settings.IS_HTTPS:
        return Finding(
            "warn",
            _("Only this computer can reach this address"),
            _(
                "Make, Zapier, clients and senders of webhooks cannot. The README's “On a small rented "
                "server, six steps” gives you an https address."
            ),
        )
    try:
        answer = outbound.send("GET", f"{settings.KEYLODGE_PUBLIC_URL}/healthz", deadline_s=10)
    except outbound.HostRefused:
        return Finding(
            "warn",
            _("{host} leads to a private address").format(host=host),
            _("Within your own network that works; Make, Zapier and clients outside cannot reach it."),
        )
    except (outbound.OutboundError, ssl.SSLError) as problem:
        return Finding(
            "bad",
            _("{host} did not answer").format(host=host),
            _(
                "Check that its DNS entry names this server, that ports 80 and 443 are open, and that "
                "the proxy in front has a certificate ({code})."
            ).format(code=getattr(problem, "code", "tls")),
        )
    if answer.status == 200 and answer.body.strip() == MEANT_FOR_US:
        return Finding(
            "ok",
            _("The address works"),
            _("{host} leads here, over https, with a valid certificate.").format(host=host),
        )
    return Finding(
        "bad",
        _("Something else answers at {host}").format(host=host),
        _("It said {status}. Does the proxy pass everything on to Keylodge?").format(status=answer.status),
    )
