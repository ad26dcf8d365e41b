"""A link of either kind on its way to the client: mailed after the commit, or left to be copied."""

from __future__ import annotations

from smtplib import SMTPException
from typing import TYPE_CHECKING

from django.contrib import messages
from django.utils.translation import gettext as _

from dashboard.pages.settings.mail import why
from integrations.alerts import can_mail
from integrations.links import letter
from integrations.links.nudging import is_play
from integrations.mail import deliver

if TYPE_CHECKING:
    from dashboard.render import PageRequest
    from integrations.models import ClientLink


def send(request: PageRequest, link: ClientLink, url: str) -> None:
    """Mail a link that was just made, outside any transaction, and say how it went."""
    if not link.sent_to:
        return
    if not can_mail() or is_play(link):
        said = (
            _("Not mailed: no mail server is set up. Copy the link and send it to {who} yourself.")
            if not can_mail()
            else _("Not mailed: the sandbox and the demo mail nobody. Copy the link and send it to {who} yourself.")
        )
        messages.info(request, said.format(who=link.sent_to))
        return
    try:
        # Sent here and never queued: what is queued is stored as it is, and a link's address only sealed.
        deliver(link.sent_to, *letter(link, url))
    except (OSError, SMTPException) as problem:
        messages.warning(request, _("{why} Copy the link and send it yourself.").format(why=why(problem)))
    else:
        messages.success(request, _("Mailed to {sent_to}.").format(sent_to=link.sent_to))
