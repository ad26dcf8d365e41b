"""The live tester: a captured request against a scheme and a secret. Nothing typed here is stored, logged or echoed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from dashboard.forms import PageForm
from dashboard.pages.vault.forms import SecretText
from dashboard.pages.webhooks.custom_form import CustomForm, initial_of
from dashboard.pages.webhooks.forms import secret_field
from dashboard.pages.webhooks.glance import glance_of
from dashboard.pages.webhooks.looking import manageable_endpoint, to_settings
from dashboard.render import PageRequest, actor_of, render_page
from integrations.webhooks.captured import MOST_CHARACTERS, BadCapture, read_captured
from integrations.webhooks.endpoints import known, scheme_of
from integrations.webhooks.making import CannotMakeEndpoint, address_of, change_endpoint
from integrations.webhooks.schemes.shape import CUSTOM
from integrations.webhooks.trying import try_scheme
from secrets_vault.errors import VaultError
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from django.http import HttpResponse

    from integrations.models import WebhookEndpoint
    from integrations.webhooks.schemes.shape import Scheme
    from integrations.webhooks.showing import Shown


class TesterForm(PageForm):
    """A captured request, and the secret to try it with."""

    captured = forms.CharField(
        label=gettext_lazy("A captured request"),
        strip=False,
        max_length=MOST_CHARACTERS,
        widget=SecretText(rows=10),
        help_text=gettext_lazy(
            "The head, an empty line and the body as they came, or a curl command. It is neither kept nor shown again."
        ),
    )
    secret = secret_field(
        gettext_lazy("Secret"),
        required=False,
        help_text=gettext_lazy("Left empty, the one in the vault is used. It is neither kept nor shown again."),
    )
    as_then = forms.BooleanField(
        label=gettext_lazy("Judge it as of the time it names"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Otherwise an old one is refused as stale, whatever its signature."),
    )


@sensitive_post_parameters()
@sensitive_variables("form")
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def tester(request: PageRequest, slug: str) -> HttpResponse:
    """Try the endpoint's scheme; where it is one of one's own, change it too."""
    endpoint = manageable_endpoint(request, slug)
    scheme, is_own = scheme_of(endpoint), endpoint.scheme_key == CUSTOM
    if scheme is None and not is_own:
        raise Http404
    is_post, does_save = request.method == "POST", "save" in request.POST and is_own
    custom = _custom_form(request, endpoint) if is_own else None
    form = TesterForm(request.POST if is_post and not does_save else None)
    tried = None
    if custom is not None and is_post:
        scheme = custom.scheme if custom.is_valid() else None
    if does_save and custom is not None and scheme is not None and _saved(request, endpoint, custom):
        return to_settings(endpoint)
    if is_post and not does_save and form.is_valid() and scheme is not None:
        tried = _tried(form, endpoint, scheme)
    context = {"endpoint": endpoint, "glance": glance_of(endpoint, now=timezone.now()), "tab": "tester"}
    context |= {"can_manage": True, "form": form, "custom": custom, "tried": tried}
    is_refused = is_post and tried is None
    return render_page(request, "dashboard/webhooks/tester.html", context, status=422 if is_refused else 200)


def _custom_form(request: PageRequest, endpoint: WebhookEndpoint) -> CustomForm:
    return CustomForm(request.POST if request.method == "POST" else None, initial=initial_of(endpoint.custom or {}))


def _saved(request: PageRequest, endpoint: WebhookEndpoint, custom: CustomForm) -> bool:
    try:
        change_endpoint(endpoint, actor=actor_of(request), custom=custom.parameters)
    except CannotMakeEndpoint as cannot:
        custom.add_error(None, str(cannot))
        return False
    messages.success(request, _("The scheme is saved. It holds from the next request on."))
    return True


@sensitive_variables("typed", "secrets", "captured")
def _tried(form: TesterForm, endpoint: WebhookEndpoint, scheme: Scheme) -> Shown | None:
    now, typed = timezone.now(), form.cleaned_data["secret"].strip()
    try:
        captured = read_captured(form.cleaned_data["captured"], url=address_of(endpoint))
        secrets: Sequence[Secret] = [Secret(typed)] if typed else known(endpoint).secrets(now)
    except BadCapture as bad:
        form.add_error("captured", str(bad))
        return None
    except VaultError as refused:
        form.add_error("secret", str(refused))
        return None
    return try_scheme(captured, scheme, secrets, now=now, as_then=form.cleaned_data["as_then"])
