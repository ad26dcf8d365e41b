"""The door through which a signing secret of a route is seen: once, by whom it was made for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.views.decorators.debug import sensitive_variables

from integrations.alerts.routes import sealing

if TYPE_CHECKING:
    from dashboard.render import PageRequest
    from integrations.models import AlertRoute


@sensitive_variables("secret")
def secret_once(request: PageRequest, route: AlertRoute, *, key: str) -> str:
    """Return the signing secret for the one page that shows it, empty ever after."""
    if request.session.get(key) != str(route.pk) or not route.signing_sealed:
        return ""
    del request.session[key]
    secret = sealing.open_signing(route)
    return secret.expose()
