"""A target on pages: where it is, which events it wants, paused, taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from dashboard.forms import PageForm
from dashboard.pages.webhooks import filter_rows
from dashboard.pages.webhooks.forms import clean_url, url_field
from dashboard.pages.webhooks.looking import manageable_endpoint, to_settings
from dashboard.render import PageRequest, actor_of, render_page
from integrations.models import WebhookTarget
from integrations.webhooks import filters, targets
from integrations.webhooks.filters import BadFilter
from secrets_vault.errors import VaultError

if TYPE_CHECKING:
    from django.http import HttpResponse

    from integrations.models import WebhookEndpoint
    from secrets_vault.secret import Secret


class TargetForm(PageForm):
    """A target's name and address. The address of one that exists is never shown: left empty, it stays."""

    name = forms.CharField(
        max_length=120, required=False, help_text=gettext_lazy("What you call it, as in “n8n orders”.")
    )
    url = url_field(required=True)

    def __init__(self, *args: Any, target: WebhookTarget | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.new_url: Secret | None = None
        if target is not None:
            self.fields["name"].initial = target.name
            self.fields["url"].required = False
            words = _("It is {masked} now. Left empty, it stays; what waits goes to a new one too.")
            self.fields["url"].help_text = words.format(masked=target.url_masked)

    def clean(self) -> dict[str, Any]:
        """Look whether events may go to the address."""
        data = super().clean() or {}
        self.new_url = clean_url(self, "url")
        return data


@sensitive_post_parameters("url")
@sensitive_variables("form")
@login_required
def new(request: PageRequest, slug: str) -> HttpResponse:
    """Add a target. Events from now on go there."""
    return _edit(request, manageable_endpoint(request, slug), None)


@sensitive_post_parameters("url")
@sensitive_variables("form")
@login_required
def edit(request: PageRequest, slug: str, pk: UUID) -> HttpResponse:
    """Change a target: its name, its address, which events it wants."""
    endpoint = manageable_endpoint(request, slug)
    return _edit(request, endpoint, target_of(endpoint, pk))


def target_of(endpoint: WebhookEndpoint, pk: UUID) -> WebhookTarget:
    """Return a target of this endpoint; anything else is 404."""
    rows = WebhookTarget.objects.filter(endpoint=endpoint).select_related("signing_secret", "endpoint__client")
    target: WebhookTarget = get_object_or_404(rows, pk=pk)
    return target


@sensitive_variables("form")
def _edit(request: PageRequest, endpoint: WebhookEndpoint, target: WebhookTarget | None) -> HttpResponse:
    is_post = request.method == "POST"
    wants_rows = is_post and "more" in request.POST
    form = TargetForm(request.POST if is_post and not wants_rows else None, target=target)
    if wants_rows:
        form.initial = {"name": request.POST.get("name", "")}
    rows = filter_rows.typed_rows(request.POST) if is_post else []
    problem = ""
    if is_post and not wants_rows:
        conditions, rows, problem = _checked(rows)
        if form.is_valid() and not problem and _saved(request, endpoint, target, form, conditions):
            return to_settings(endpoint)
    shown = filter_rows.with_empty(rows) if is_post else filter_rows.rows_from(target.filter if target else None)
    context: dict[str, Any] = {"endpoint": endpoint, "target": target, "form": form, "rows": shown, "problem": problem}
    context |= {"ops": filter_rows.OP_CHOICES, "masked_secret": _masked_secret(target)}
    context |= {"path_example": "$.data.object.status", "secret_field": "secret"}
    status = 422 if is_post and not wants_rows else 200
    return render_page(request, "dashboard/webhooks/target.html", context, status=status)


def _masked_secret(target: WebhookTarget | None) -> str:
    stored = target.signing_secret if target else None
    field = stored.current.fields.first() if stored and stored.current else None
    return field.masked if field else ""


def _checked(rows: list[filter_rows.FilterRow]) -> tuple[Any, list[filter_rows.FilterRow], str]:
    """Return the conditions, or the rows with what is wrong at each."""
    try:
        return filters.check(filter_rows.conditions_of(rows)), rows, ""
    except BadFilter as bad:
        whole = next((problem.sentence for problem in bad.problems if not problem.number), "")
        return None, filter_rows.with_errors(rows, bad), whole or _("A condition cannot be used like this.")


@sensitive_variables("form")
def _saved(
    request: PageRequest, endpoint: WebhookEndpoint, target: WebhookTarget | None, form: TargetForm, conditions: Any
) -> bool:
    actor, name = actor_of(request), form.cleaned_data["name"]
    try:
        if target is not None:
            targets.change(target, actor=actor, url=form.new_url, name=name, filter=conditions)
            messages.success(request, _("{name} is saved.").format(name=target))
        elif form.new_url is not None:
            made = targets.make(endpoint, form.new_url, actor=actor, now=timezone.now(), name=name, filter=conditions)
            messages.success(request, _("{name} is added. Events from now on go there.").format(name=made))
    except targets.CannotForward as cannot:
        form.add_error(cannot.field if cannot.field in form.fields else None, str(cannot))
        return False
    except VaultError as refused:
        form.add_error(None, str(refused))
        return False
    return True


@login_required
@require_POST
def pause(request: PageRequest, slug: str, pk: UUID) -> HttpResponse:
    """Send nothing to this target until it is resumed."""
    endpoint = manageable_endpoint(request, slug)
    targets.pause(target_of(endpoint, pk), actor=actor_of(request))
    messages.success(request, _("Paused. What is meant for it waits; nothing is lost."))
    return to_settings(endpoint)


@login_required
@require_POST
def resume(request: PageRequest, slug: str, pk: UUID) -> HttpResponse:
    """Send again, what waited first."""
    endpoint = manageable_endpoint(request, slug)
    targets.resume(target_of(endpoint, pk), actor=actor_of(request))
    messages.success(request, _("Resumed. What waited is sent first."))
    return to_settings(endpoint)


@login_required
@require_POST
def remove(request: PageRequest, slug: str, pk: UUID) -> HttpResponse:
    """Take a target away with its history, unless something waits for it."""
    endpoint = manageable_endpoint(request, slug)
    target = target_of(endpoint, pk)
    name = str(target)
    try:
        targets.remove(target, actor=actor_of(request))
    except targets.CannotForward as cannot:
        messages.error(request, str(cannot))
    else:
        messages.success(request, _("{name} is removed. Nothing goes there any more.").format(name=name))
    return to_settings(endpoint)
