"""The switch on the sign-in page: a cookie says the language until somebody is signed in who chose one."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_POST
from django.views.i18n import set_language


@login_not_required
@require_POST
def language(request: HttpRequest) -> HttpResponseBase:
    """Set the cookie and go back to where the switch was; never to another site."""
    return set_language(request)
