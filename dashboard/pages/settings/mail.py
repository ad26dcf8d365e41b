"""Whether mail can be sent, and a test that says what went wrong."""

from __future__ import annotations

from smtplib import SMTPAuthenticationError, SMTPException, SMTPRecipientsRefused
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboard.pages.owner import owner_only
from dashboard.render import PageRequest, render_page
from integrations import alerts
from integrations.mail import deliver

EXAMPLE = "EMAIL_URL=smtp+tls://user:password@smtp.example.com:587"


@owner_only
def mail(request: PageRequest) -> HttpResponse:
    """Show how mail is set up, never its password."""
    options = cast(dict[str, Any], settings.MAILERS["default"].get("OPTIONS", {}))
    context = {
        "tab": "mail",
        "can_mail": alerts.can_mail(),
        "host": options.get("host"),
        "port": options.get("port"),
        "username": options.get("username"),
        "sender": settings.DEFAULT_FROM_EMAIL,
        "example": EXAMPLE,
        "home": settings.KEYLODGE_HOME,
    }
    return render_page(request, "dashboard/settings/mail.html", context)


@require_POST
@owner_only
def send_test(request: PageRequest) -> HttpResponse:
    """Send a mail to oneself now and say how it went."""
    person = request.user
    try:
        deliver(person.email, "Keylodge: a test", _("If you read this, Keylodge can reach you.\n"))
    except (OSError, SMTPException) as problem:
        messages.error(request, why(problem))
    else:
        messages.success(request, _("Sent to {email}. Look into your inbox, and into spam.").format(email=person.email))
    return HttpResponseRedirect(reverse("dashboard:settings_mail"))


def why(problem: Exception) -> str:
    """Return what went wrong and what to do, without anything the server said: it may repeat a password."""
    if isinstance(problem, SMTPAuthenticationError):
        return _("The mail server refused the user name or password in EMAIL_URL.")
    if isinstance(problem, SMTPRecipientsRefused):
        return _("The mail server refused your address. Is DEFAULT_FROM_EMAIL a sender it allows?")
    if isinstance(problem, TimeoutError):
        return _(
            "The mail server did not answer. Are host and port in EMAIL_URL right, and does the firewall let us out?"
        )
    if isinstance(problem, ConnectionRefusedError):
        return _("Nothing listens at the host and port in EMAIL_URL.")
    return _("The mail was not sent ({code}). Check EMAIL_URL and start Keylodge again.").format(
        code=type(problem).__name__
    )
