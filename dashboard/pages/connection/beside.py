"""What a connection's calls carry beside a token that nobody pasted, or the next version of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from dashboard.pages.connection.finding import back_to
from dashboard.pages.connection.forms import CredentialForm
from dashboard.pages.connection.one import head_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations import connections
from integrations.beside import store_beside
from integrations.connections.credential import BadValue, check_beside
from integrations.oauth.keeping import provider_of
from integrations.providers.gone import shown_provider
from integrations.status import ConnectionChanged
from secrets_vault.errors import VaultError

if TYPE_CHECKING:
    from django.http import HttpResponse

    from integrations.models import Connection


def beside_page(request: PageRequest, connection: Connection) -> HttpResponse:
    """Show the form, or keep what it brings and try it at once. The caller has checked who asks."""
    wanted = shown_provider(connection).fields_beside(connection.kind)
    form = CredentialForm(request.POST or None, wanted=wanted)
    if request.method == "POST" and form.is_valid() and _is_kept(request, connection, form):
        result = connections.probe(connection, actor=actor_of(request))
        say = messages.success if result.is_good else messages.warning
        say(request, _("Stored. {sentence}").format(sentence=result.sentence))
        return back_to(connection)
    context = head_of(connection, request, now=timezone.now()) | {"form": form, "is_beside": True}
    return render_page(request, "dashboard/connection/credential.html", context, status=422 if form.is_bound else 200)


def _is_kept(request: PageRequest, connection: Connection, form: CredentialForm) -> bool:
    provider, fields = provider_of(connection), form.values()
    try:
        check_beside(provider, connection.kind, fields)
        store_beside(connection, provider, fields, actor=actor_of(request), made_on=form.cleaned_data["made_on"])
    except BadValue as refused:
        form.add_error(refused.field if refused.field in form.fields else None, f"{capfirst(str(refused))}.")
        return False
    except (ConnectionChanged, VaultError):
        form.add_error(None, _("Somebody changed this connection at the same moment. Look at it, then decide again."))
        return False
    return True
