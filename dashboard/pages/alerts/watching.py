"""Whether calls are watched: of a connection, that they come; of a gateway token, that they are not far too many.

The page of a token is where an alert about a burst leads: it pauses the token and lets it go on.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from dashboard.forms import PageForm
from dashboard.pages.connection.finding import back_to, manageable_connection
from dashboard.pages.connection.tokens import manageable_token
from dashboard.render import PageRequest, actor_of, render_page
from integrations import tokens
from integrations.alerts.rhythm import absence, burst, switches
from integrations.alerts.rhythm.usual import HOUR, Usual, usual_of
from integrations.models import CallWatch, Connection, GatewayToken

if TYPE_CHECKING:
    from django.http import HttpResponse

MOST_HOURS = 24 * 28


class WatchForm(PageForm):
    """On or off, and a number of one's own instead of what is usual."""

    is_on = forms.BooleanField(label=gettext_lazy("Tell me"), required=False)
    limit = forms.IntegerField(min_value=1, required=False)

    def __init__(self, *args: Any, words: str, most: int, help_text: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["limit"].label = words
        self.fields["limit"].help_text = help_text
        self.fields["limit"].widget.attrs["max"] = most
        self.most = most

    def clean_limit(self) -> int | None:
        """Accept a number that can be reached."""
        limit: int | None = self.cleaned_data["limit"]
        if limit is not None and limit > self.most:
            raise forms.ValidationError(_("At most {most}.").format(most=self.most))
        return limit


def _form(request: PageRequest, watch: CallWatch | None, **words: Any) -> WatchForm:
    asks = request.method == "POST" and "do" not in request.POST
    initial = {"is_on": watch.is_on if watch else True, "limit": watch.limit if watch else None}
    return WatchForm(request.POST if asks else None, initial=initial, **words)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def connection(request: PageRequest, slug: str) -> HttpResponse:
    """Say whether to tell when nobody calls through a connection, and after how long."""
    row, now = manageable_connection(request, slug), timezone.now()
    watch = CallWatch.objects.filter(connection=row).first()
    usual = usual_of(absence.hours_of([row.pk], now=now).get(row.pk, {}))
    help_text = _("Left empty, a silence counts that is unusual at that hour of the week.")
    form = _form(request, watch, words=_("Only after so many hours"), most=MOST_HOURS, help_text=help_text)
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        actor = actor_of(request)
        switches.watch_connection(row, is_on=data["is_on"], limit_h=data["limit"], actor=actor, now=now)
        messages.success(request, _("Saved."))
        return back_to(row)
    context = {"connection": row, "form": form, **_usual_words(row, usual, now=now)}
    status = 422 if form.is_bound else 200
    return render_page(request, "dashboard/alerts/watch.html", context, status=status)


def _usual_words(row: Connection, usual: Usual | None, *, now: datetime) -> dict[str, Any]:
    if usual is None:
        return {"usual": None}
    would = usual.silence_ends_being_usual_at(now.replace(minute=0, second=0, microsecond=0) + HOUR)
    return {"usual": usual, "hours": round((would - now) / HOUR) if would else None}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def token(request: PageRequest, pk: UUID) -> HttpResponse:
    """Pause a gateway token or let it go on, and say from how many calls an hour on to tell."""
    row, now, actor = manageable_token(request, pk), timezone.now(), actor_of(request)
    form, counts = _token_form(request, row, now=now)
    if request.method == "POST" and "do" in request.POST:
        _pause_or_go_on(request, row, now=now)
        return HttpResponseRedirect(reverse("dashboard:token_pause", args=[row.pk]))
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        switches.watch_token(row, is_on=data["is_on"], limit=data["limit"], actor=actor)
        messages.success(request, _("Saved."))
        return HttpResponseRedirect(reverse("dashboard:token_pause", args=[row.pk]))
    context = {"token": row, "form": form, "connections": list(row.connections.all()), **counts}
    status = 422 if form.is_bound else 200
    return render_page(request, "dashboard/alerts/token.html", context, status=status)


def _token_form(request: PageRequest, row: GatewayToken, *, now: datetime) -> tuple[WatchForm, dict[str, Any]]:
    watch = CallWatch.objects.filter(token=row).first()
    counts = burst.counts_of(row, now=now)
    threshold = counts["threshold"]
    usual = _("Left empty, {n} calls an hour would count.").format(n=threshold) if threshold else ""
    help_text = usual or _("Left empty, what is unusual counts, after seven days of calls.")
    words = _("Only from so many calls an hour on")
    return _form(request, watch, words=words, most=100_000_000, help_text=help_text), counts


def _pause_or_go_on(request: PageRequest, row: GatewayToken, *, now: datetime) -> None:
    if request.POST["do"] == "resume":
        tokens.resume(row, actor=actor_of(request))
        messages.success(request, _("{name} may call again.").format(name=row.name))
    elif row.revoked_at is not None:
        messages.error(request, _("{name} is revoked: its calls are refused anyway.").format(name=row.name))
    else:
        tokens.pause(row, actor=actor_of(request), now=now)
        messages.success(request, _("{name} is paused. Its calls are refused from now on.").format(name=row.name))
