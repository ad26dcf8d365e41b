"""Change a client: what it is called, how often its secrets are rotated, its environments, whether it is archived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from dashboard.forms import PageForm, PageModelForm
from dashboard.pages.client import find_client, tabs_for
from dashboard.pages.settings.calendar import feed_context
from dashboard.render import PageRequest, actor_of, render_page
from integrations.call_log.keeping import Kept
from secrets_vault.access import can_manage
from secrets_vault.clients import add_environment, archive, change_client, unarchive
from secrets_vault.models import Client

if TYPE_CHECKING:
    from django.http import HttpResponse


class ClientForm(PageModelForm):
    """What may be changed about a client. The short name may not: it stands in addresses."""

    rotate_after_days = forms.IntegerField(
        label=gettext_lazy("Rotate secrets after"),
        min_value=1,
        max_value=730,
        required=False,
        help_text=gettext_lazy(
            "Days, usually 30 to 90. Left empty, each provider's own advice holds, else 90. "
            "A secret's own rule goes before this one."
        ),
    )
    keep_webhooks_days = forms.IntegerField(
        label=gettext_lazy("Keep what webhooks brought for"),
        min_value=1,
        max_value=3650,
        required=False,
        help_text=gettext_lazy(
            "Days. Left empty, the rule of the installation holds. An endpoint's own rule goes before this one."
        ),
    )
    keep_calls_days = forms.IntegerField(
        label=gettext_lazy("Keep calls for"), min_value=1, max_value=3650, required=False
    )
    keep_bodies_days = forms.IntegerField(
        label=gettext_lazy("Keep what failed calls said for"), min_value=0, max_value=3650, required=False
    )
    time_zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        max_length=64,
        help_text=gettext_lazy("As in “Europe/Berlin”. Reports for this client use it."),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language of link pages"),
        choices=[
            ("en", gettext_lazy("English")),
            ("de", gettext_lazy("German")),
            ("fr", gettext_lazy("French")),
            ("es", gettext_lazy("Spanish")),
            ("nl", gettext_lazy("Dutch")),
        ],
    )

    class Meta:
        model = Client
        fields = (
            *("name", "rotate_after_days", "keep_webhooks_days", "keep_calls_days", "keep_bodies_days"),
            *("language", "time_zone", "notes"),
        )
        labels = {"name": gettext_lazy("Name"), "notes": gettext_lazy("Notes")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["keep_calls_days"].help_text = _(
            "Days. Left empty, they are kept {days} days, as this installation is set."
        ).format(days=Kept.calls().days)
        self.fields["keep_bodies_days"].help_text = _(
            "Days; 0 for the next hourly clearing. The masked headers and bodies of failed calls go, their rows stay. "
            "Left empty, they are kept {days} days."
        ).format(days=Kept.bodies().days)

    def clean(self) -> dict[str, Any]:
        """Refuse bodies that would be kept longer than their calls."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        calls = given.get("keep_calls_days") or Kept.calls().days
        if (bodies := given.get("keep_bodies_days")) is not None and bodies > calls:
            text = _("The calls themselves are kept {days} days, so what they said cannot be kept longer.")
            self.add_error("keep_bodies_days", text.format(days=calls))
        return given

    def clean_time_zone(self) -> str:
        """Accept only a zone that can be used."""
        name: str = self.cleaned_data["time_zone"]
        if name not in available_timezones():
            raise ValidationError(_("There is no such time zone. Write it as in “Europe/Berlin” or “UTC”."))
        return name


class NewEnvironment(PageForm):
    """One more environment."""

    slug = forms.SlugField(
        label=gettext_lazy("Another environment"),
        max_length=40,
        help_text=gettext_lazy("Lower-case letters, digits and hyphens, as in “test”."),
    )

    def __init__(self, *args: Any, client: Client, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.client = client

    def clean_slug(self) -> str:
        """Refuse one that the client has."""
        slug: str = self.cleaned_data["slug"]
        if slug != slug.lower():
            raise ValidationError(_("Use lower-case letters only."))
        if self.client.environments.filter(slug=slug).exists():
            raise ValidationError(
                _("{name} already has an environment “{slug}”.").format(name=self.client.name, slug=slug)
            )
        return slug


def find_managed(request: PageRequest, slug: str) -> Client:
    """Return a client that this person may change: 404 for a stranger, 403 for who may only look."""
    client = find_client(request, slug)
    if not can_manage(request.user, client):
        raise PermissionDenied
    return client


@login_required
def edit(request: PageRequest, slug: str) -> HttpResponse:
    """Show and change the settings of a client."""
    client = find_managed(request, slug)
    form = ClientForm(request.POST or None, instance=find_managed(request, slug))
    if request.method == "POST" and form.is_valid():
        change_client(client, actor=actor_of(request), **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("dashboard:client_edit", slug=client.slug)
    return _page(request, client, form=form, environment_form=NewEnvironment(client=client))


def _page(request: PageRequest, client: Client, **forms_shown: forms.BaseForm) -> HttpResponse:
    status = 422 if any(form.is_bound for form in forms_shown.values()) else 200
    context = tabs_for(client, request.user, "client_edit") | forms_shown | feed_context(request, client)
    return render_page(request, "dashboard/client_edit.html", context, status=status)


@login_required
@require_POST
def new_environment(request: PageRequest, slug: str) -> HttpResponse:
    """Add an environment to a client."""
    client = find_managed(request, slug)
    form = NewEnvironment(request.POST, client=client)
    if form.is_valid():
        try:
            add_environment(client, form.cleaned_data["slug"], actor=actor_of(request))
        except IntegrityError:  # somebody added it between the check and here
            form.add_error("slug", _("{name} already has this environment.").format(name=client.name))
        else:
            messages.success(request, _("Environment {slug} is added.").format(slug=form.cleaned_data["slug"]))
            return redirect("dashboard:client_edit", slug=client.slug)
    return _page(request, client, form=ClientForm(instance=client), environment_form=form)


@login_required
@require_POST
def archiving(request: PageRequest, slug: str) -> HttpResponse:
    """Archive a client, or bring it back."""
    client = find_managed(request, slug)
    if client.archived_at is None:
        archive(client, actor=actor_of(request), now=timezone.now())
        messages.success(
            request,
            _("{name} is archived. Its gateway tokens still work until they are revoked.").format(name=client.name),
        )
        return redirect("dashboard:clients")
    unarchive(client, actor=actor_of(request))
    messages.success(request, _("{name} is back.").format(name=client.name))
    return redirect("dashboard:client", slug=client.slug)
