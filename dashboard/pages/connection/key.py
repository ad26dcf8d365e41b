"""The private key of a connection, or the next version of it, and the claims beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import DayInput
from dashboard.pages.connecting.grant_forms import KeyFields
from dashboard.pages.connection.finding import back_to
from dashboard.pages.connection.one import head_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations import connections
from integrations.connections.credential import BadValue
from integrations.connections.granting import connect_jwt
from integrations.providers.gone import shown_provider
from integrations.status import ConnectionChanged
from secrets_vault.errors import VaultError

if TYPE_CHECKING:
    from django.http import HttpResponse

    from integrations.models import Connection


class KeyForm(KeyFields):
    """A new private key. Claims that are empty in the form are those of the file, or none."""

    made_on = forms.DateField(
        label=gettext_lazy("Made on"),
        required=False,
        widget=DayInput(),
        help_text=gettext_lazy("The day the provider made it. Empty: not known."),
    )


def key_page(request: PageRequest, connection: Connection) -> HttpResponse:
    """Show the form, or keep what it brings and try it at once. The caller has checked who asks."""
    provider = shown_provider(connection)
    data, files = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    form = KeyForm(data, files)
    if provider.oauth is not None:
        form.order_fields([*form.ask_for(provider.oauth.assertion, known=connection.claims), "made_on"])
    if request.method == "POST" and form.is_valid() and _is_kept(request, connection, form):
        result = connections.probe(connection, actor=actor_of(request))
        say = messages.success if result.is_good else messages.warning
        say(request, _("Stored. {sentence}").format(sentence=result.sentence))
        return back_to(connection)
    context = head_of(connection, request, now=timezone.now()) | {"form": form}
    return render_page(request, "dashboard/connection/credential.html", context, status=422 if form.is_bound else 200)


def _is_kept(request: PageRequest, connection: Connection, form: KeyForm) -> bool:
    key = form.read_key()
    if key is None:
        form.add_error("private_key", _("Paste the key or choose its file: a text file of at most 32 KiB."))
        return False
    try:
        connect_jwt(
            connection,
            key,
            form.claims(),
            actor=actor_of(request),
            now=timezone.now(),
            made_on=form.cleaned_data["made_on"],
        )
    except BadValue as refused:
        field = next((name for name in (refused.field, f"claim_{refused.field}") if name in form.fields), None)
        form.add_error(field, f"{capfirst(str(refused))}.")
        return False
    except (ConnectionChanged, VaultError):
        form.add_error(None, _("Somebody changed this connection at the same moment. Look at it, then decide again."))
        return False
    return True
