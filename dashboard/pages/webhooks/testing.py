"""A test event, sent as the vendor would: rightly signed, or wrong on purpose to see what refusing looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboard.pages.webhooks.looking import manageable_endpoint, to_endpoint, to_event
from dashboard.render import PageRequest, actor_of
from integrations.webhooks.samples import CannotSign
from integrations.webhooks.test_sender import VARIANTS, SentTest, send_test
from secrets_vault.errors import VaultError

if TYPE_CHECKING:
    from django.http import HttpResponse


@login_required
@require_POST
def test(request: PageRequest, slug: str) -> HttpResponse:
    """Send a test event to the endpoint's own address, and show what came of it."""
    endpoint = manageable_endpoint(request, slug)
    variant = next((known for known in VARIANTS if known == request.POST.get("variant")), VARIANTS[0])
    try:
        sent = send_test(endpoint, variant=variant, actor=actor_of(request))
    except CannotSign as why:
        messages.error(request, str(why))
        return to_endpoint(endpoint)
    except VaultError:
        messages.error(request, _("Not sent: the signing secret is missing or cannot be opened."))
        return to_endpoint(endpoint)
    (messages.success if sent.is_as_expected else messages.warning)(request, words_of(sent))
    return to_event(sent.event) if sent.event is not None else to_endpoint(endpoint)


def words_of(sent: SentTest) -> str:
    """Return what a test showed."""
    if sent.event is None:
        return _("The test was answered {status} and nothing was kept of it.").format(status=sent.status)
    if not sent.is_as_expected:
        return _("The test was answered {status}, which was not to be expected. See why below.").format(
            status=sent.status
        )
    if sent.variant == "good":
        return _("The test was answered {status}: rightly signed, accepted and kept.").format(status=sent.status)
    return _("The test was answered {status}: refused and kept in quarantine, as it should be.").format(
        status=sent.status
    )
