"""Editing what will be sent. Whoever edits sees it as it is, so it asks for the password again and is in the book."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import PageForm
from dashboard.render import PageRequest, actor_of, render_page
from integrations.gateway import target
from integrations.gateway.held import acts, sealing
from integrations.gateway.held.sealing import Request
from integrations.gateway.held.showing import MOST_EDITED, editable_body, target_of
from integrations.models import HeldCall
from integrations.outbound.relaying import passed_on
from secrets_vault import audit
from secrets_vault.people.step_up import step_up_required

if TYPE_CHECKING:
    from django.http import HttpResponse

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}\Z")
_TARGET = re.compile(r"/[\x21-\x22\x24-\x7e]*\Z")
MOST_TARGET, MOST_HEADERS = 8_000, 16_000


class EditForm(PageForm):
    """Path with query, headers, and the body where it is text. The method stays: another one is another call."""

    path = forms.CharField(
        label=gettext_lazy("Path and query"),
        max_length=MOST_TARGET,
        required=False,
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "autocomplete": "off"}),
    )
    headers = forms.CharField(
        label=gettext_lazy("Headers"),
        required=False,
        max_length=MOST_HEADERS,
        widget=forms.Textarea(attrs={"rows": 6, "class": "mono", "spellcheck": "false"}),
        help_text=gettext_lazy("One to a line. The credential is added when it is sent."),
    )
    body = forms.CharField(
        label=gettext_lazy("Body"),
        required=False,
        strip=False,
        max_length=MOST_EDITED,
        widget=forms.Textarea(attrs={"rows": 14, "class": "mono", "spellcheck": "false"}),
    )

    def clean_path(self) -> str:
        """Refuse a path that the gateway would refuse."""
        path: str = self.cleaned_data["path"]
        if not path:
            return path
        if not _TARGET.match(path) or target.is_refused(path.partition("?")[0].encode("ascii")):
            raise ValidationError(_("A path begins with / and has no spaces, no # and no dot segments."))
        return path

    def clean_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers that may be sent."""
        found = []
        for line in self.cleaned_data["headers"].splitlines():
            name, colon, value = line.partition(":")
            if not line.strip():
                continue
            if not colon or not _NAME.match(name.strip()) or not value.isprintable() or not _is_latin(value):
                raise ValidationError(_("{line}: a header is a name, a colon and a value.").format(line=line[:40]))
            found.append((name.strip().lower().encode("ascii"), value.strip().encode("latin-1")))
        return [header for _name, header in passed_on(found)]


def _is_latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


@login_required
@step_up_required
def edit(request: PageRequest, pk: UUID) -> HttpResponse:
    """Show what will be sent, and take what shall be sent instead."""
    rows = HeldCall.objects.manageable_by(request.user).select_related("client", "connection", "environment")
    call = get_object_or_404(rows, pk=pk)
    if call.state not in acts.UNSENT or call.forgotten_at is not None:
        messages.error(request, _("This call has moved on. Look at it again."))
        return HttpResponseRedirect(reverse("dashboard:held_call", args=[pk]))
    if request.method != "POST":  # looking changes nothing: what is shown unmasked is asked for by a button
        return render_page(request, "dashboard/waiting/edit.html", {"call": call})
    request_ = sealing.open_request(HeldCall.objects.defer(None).get(pk=call.pk))
    body, is_opening = editable_body(request_), request.POST.get("do") == "open"
    if is_opening:
        with transaction.atomic():
            audit.record("held_call.opened", actor=actor_of(request), client=call.client_id, subject=call)
    form = EditForm(None if is_opening else request.POST, initial=_as_it_is(request_, body))
    if body is None:
        del form.fields["body"]
    if form.is_valid():
        return _keep(request, call, _edited(request_, form.cleaned_data))
    context = {"call": call, "form": form, "has_body": body is not None}
    return render_page(request, "dashboard/waiting/edit.html", context, status=422 if form.is_bound else 200)


def _as_it_is(request: Request, body: str | None) -> dict[str, Any]:
    lines = [f"{name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in request.headers]
    return {"path": target_of(request), "headers": "\n".join(lines), "body": body}


def _edited(request: Request, data: dict[str, Any]) -> Request:
    rest, _mark, query = data["path"].encode("ascii").partition(b"?")
    body = request.body if "body" not in data else _body(request, data["body"])
    return Request(request.method, rest, query, data["headers"], body, has_body=request.has_body or bool(body))


def _body(request: Request, typed: str) -> bytes:
    """Return what was typed. A form sends every line break as two characters; a body that had one keeps one."""
    return (typed if b"\r\n" in request.body else typed.replace("\r\n", "\n")).encode("utf-8")


def _keep(request: PageRequest, call: HeldCall, edited: Request) -> HttpResponse:
    now, actor = timezone.now(), actor_of(request)
    try:
        with transaction.atomic():
            acts.edit(call, edited, actor=actor, now=now)
            if request.POST.get("do") == "send":
                acts.replay(call, actor=actor, now=now)
        sent = request.POST.get("do") == "send"
        messages.success(request, _("Kept, and on its way.") if sent else _("Kept. It is sent when you say so."))
    except acts.NotNow as why_not:
        messages.error(request, str(why_not))
    return HttpResponseRedirect(reverse("dashboard:held_call", args=[call.pk]))
