"""Templates of requests: kept by the owner, used by everybody who asks a client for something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.forms import PageForm
from dashboard.names import provider_names
from dashboard.pages.connecting.picker import key_kinds
from dashboard.pages.owner import owner_only
from dashboard.render import PageRequest, actor_of, render_page
from integrations.links.packs import Wanted, delete_template, keep_template, template_choices
from integrations.models import Connection, LinkItem, LinkTemplate
from integrations.providers.registry import all_providers

if TYPE_CHECKING:
    from django.http import HttpResponse

LINES = 8


def services() -> dict[str, tuple[str, str]]:
    """Return what a line may say, "HubSpot · OAuth 2", with the provider and the kind that it means."""
    kinds = dict(Connection.Kind.choices)
    found = {}
    for provider in all_providers():
        for kind in (["oauth2"] if provider.oauth else []) + key_kinds(provider):
            found[f"{provider.name} · {kinds[kind]}"] = (provider.key, kind)
    return found


class TemplateForm(PageForm):
    """A name, a sentence, and up to eight services."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    why = forms.CharField(
        label=gettext_lazy("What it is for"),
        max_length=300,
        required=False,
        help_text=gettext_lazy("One sentence that the client reads above the list."),
    )
    lands_as = forms.ChoiceField(
        label=gettext_lazy("A key that arrives is"),
        choices=LinkItem.LandsAs.choices,
        initial=LinkItem.LandsAs.CURRENT,
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, template: LinkTemplate | None = None, **kwargs: Any) -> None:
        self.known = services()
        super().__init__(*args, **kwargs)
        lines = [_words_of(line, self.known) for line in (template.asks if template else [])]
        for number in range(LINES):
            self.fields[f"line_{number}"] = forms.CharField(
                label=_("Service {n}").format(n=number + 1),
                max_length=200,
                required=False,
                initial=lines[number] if number < len(lines) else "",
                widget=forms.TextInput(attrs={"list": "services", "autocomplete": "off"}),
            )
        if template is not None:
            lands_as = next((line.get("lands_as") for line in template.asks), "current")
            self.initial.update(name=template.name, why=template.why, lands_as=lands_as)

    def clean(self) -> dict[str, Any]:
        """Turn the lines into what they mean; an unknown one is named at its own field."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        folded = {words.casefold(): meant for words, meant in self.known.items()}
        self.lines: list[Wanted] = []
        for number in range(LINES):
            words = data.get(f"line_{number}", "").strip()
            meant = folded.get(words.casefold())
            if words and meant is None:
                self.add_error(f"line_{number}", _("Choose one from the list."))
            elif meant is not None and meant not in [(line.provider_key, line.kind) for line in self.lines]:
                self.lines.append(Wanted(*meant, data.get("lands_as", "current")))
        if not self.lines and not self.errors:
            self.add_error("line_0", _("Choose at least one service."))
        return data


def _words_of(line: dict[str, str], known: dict[str, tuple[str, str]]) -> str:
    wanted = (line["provider_key"], line["kind"])
    return next((words for words, meant in known.items() if meant == wanted), "")


@owner_only
@require_http_methods(["GET", "HEAD"])
def templates(request: PageRequest) -> HttpResponse:
    """List them."""
    rows = list(template_choices())
    names = provider_names(line["provider_key"] for row in rows for line in row.asks)
    shown = [(row, ", ".join(names[line["provider_key"]] for line in row.asks)) for row in rows]
    return render_page(request, "dashboard/requests/templates.html", {"rows": shown})


@owner_only
@require_http_methods(["GET", "HEAD", "POST"])
def new_template(request: PageRequest) -> HttpResponse:
    """Make one."""
    return _edited(request, None)


@owner_only
@require_http_methods(["GET", "HEAD", "POST"])
def edit_template(request: PageRequest, pk: UUID) -> HttpResponse:
    """Change one. Links that were made from it stay as they are."""
    return _edited(request, get_object_or_404(LinkTemplate, pk=pk))


def _edited(request: PageRequest, template: LinkTemplate | None) -> HttpResponse:
    form = TemplateForm(request.POST if request.method == "POST" else None, template=template)
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        try:
            keep_template(data["name"], form.lines, why=data["why"], actor=actor_of(request), template=template)
        except IntegrityError:
            form.add_error("name", _("There is a template of this name already."))
        else:
            messages.success(request, _("Saved."))
            return HttpResponseRedirect(reverse("dashboard:request_templates"))
    context = {"form": form, "template": template, "services": list(form.known)}
    return render_page(request, "dashboard/requests/template.html", context, status=422 if form.is_bound else 200)


@owner_only
@require_POST
def remove_template(request: PageRequest, pk: UUID) -> HttpResponse:
    """Delete one."""
    delete_template(get_object_or_404(LinkTemplate, pk=pk), actor=actor_of(request))
    messages.success(request, _("The template is deleted. Links that were made from it stay."))
    return HttpResponseRedirect(reverse("dashboard:request_templates"))
