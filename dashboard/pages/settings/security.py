"""How I sign in, and the browsers in which I am signed in."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboard.browsers import browser_words
from dashboard.render import PageRequest, render_page
from secrets_vault.models import Session
from secrets_vault.people import sessions


def security(request: PageRequest) -> HttpResponse:
    """List one's factors and sessions."""
    mine = Session.objects.filter(user=request.user, expires_at__gt=timezone.now())
    here = sessions.row_key(request.session.session_key)
    listed = [(row, browser_words(row.user_agent), bytes(row.key_hash) == here) for row in mine]
    listed.sort(key=lambda one: (not one[2], -one[0].last_seen_at.timestamp()))
    factors = list(Authenticator.objects.filter(user=request.user))
    context = {
        "tab": "security",
        "sessions": listed,
        "factors": factors,
        "has_factor": any(f.type != Authenticator.Type.RECOVERY_CODES for f in factors),
        "has_passkeys": settings.HAS_PASSKEYS,
    }
    return render_page(request, "dashboard/settings/security.html", context)


@require_POST
def end_session(request: PageRequest) -> HttpResponse:
    """End one other session of mine by the first half of its row key, or all others."""
    if request.POST.get("which") == "others":
        ended = sessions.end_others(request.user.pk, keep=request.session.session_key)
    else:
        ended = sessions.end_one(request.user.pk, request.POST.get("which", ""))
        if not ended:
            raise Http404(_("No such session."))
    messages.success(request, f"{ended} {'session' if ended == 1 else 'sessions'} ended.")
    return HttpResponseRedirect(reverse("dashboard:settings_security"))
