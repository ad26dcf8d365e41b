"""The secret a vendor signs with: stored when it comes, rolled while two count, the old one ended."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from dashboard.pages.vault.forms import AgeFields
from dashboard.pages.webhooks.forms import secret_field
from dashboard.pages.webhooks.looking import manageable_endpoint, to_settings
from dashboard.pages.webhooks.schemes import needs_secret, scheme_name
from dashboard.render import PageRequest, actor_of, render_page
from integrations.webhooks import changing, rolling
from integrations.webhooks.endpoints import scheme_of
from secrets_vault.errors import VaultError
from secrets_vault.people.step_up import step_up_required
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from django.http import HttpResponse

    from integrations.models import WebhookEndpoint

GRACES = [
    ("24", gettext_lazy("24 hours more")),
    ("72", gettext_lazy("3 days more")),
    ("168", gettext_lazy("7 days more")),
    ("1", gettext_lazy("1 hour more")),
    ("0", gettext_lazy("No longer: it is known to others")),
]


class SecretForm(AgeFields):
    """What the vendor signs with, and how long the one before still counts."""

    secret = secret_field(gettext_lazy("Signing secret"))
    grace = forms.ChoiceField(
        label=gettext_lazy("The old one counts"),
        choices=GRACES,
        help_text=gettext_lazy("While the vendor rolls, requests may still be signed with the old one."),
    )
    read_version = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, endpoint: WebhookEndpoint, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        current = endpoint.secret.current_id if endpoint.secret else None
        self.fields["read_version"].initial = current
        if current is None:
            del self.fields["grace"]
        self.order_fields(["secret", "made_on", "is_age_unknown", "grace"])


@sensitive_post_parameters()
@sensitive_variables("form", "secret")
@login_required
@step_up_required
def roll(request: PageRequest, slug: str) -> HttpResponse:
    """Store the secret, or the next one."""
    endpoint = manageable_endpoint(request, slug)
    if not needs_secret(scheme_of(endpoint)):
        raise Http404
    scheme = scheme_of(endpoint)
    form = SecretForm(request.POST if request.method == "POST" else None, endpoint=endpoint)
    if request.method == "POST" and form.is_valid() and _stored(request, endpoint, form):
        return to_settings(endpoint)
    context = {
        "form": form,
        "endpoint": endpoint,
        "words": scheme.secret_words if scheme else "",
        "scheme_name": scheme_name(endpoint.scheme_key),
    }
    return render_page(request, "dashboard/webhooks/secret.html", context, status=422 if form.is_bound else 200)


def _stored(request: PageRequest, endpoint: WebhookEndpoint, form: SecretForm) -> bool:
    data = form.cleaned_data
    try:
        changing.roll_secret(
            endpoint,
            Secret(data["secret"].strip()),
            grace=timedelta(hours=int(data.get("grace") or 0)),
            made_on=data["made_on"],
            expected_current=data["read_version"],
            actor=actor_of(request),
            now=timezone.now(),
        )
    except VaultError as refused:
        form.add_error(None, str(refused))
        return False
    messages.success(request, _("The secret is stored. What arrives from now on is verified with it."))
    return True


@login_required
@require_POST
def end_previous(request: PageRequest, slug: str) -> HttpResponse:
    """Let the old secret count no more."""
    endpoint = manageable_endpoint(request, slug)
    rolling.end_roll(endpoint, actor=actor_of(request))
    messages.success(request, _("Only the new secret counts now."))
    return to_settings(endpoint)
