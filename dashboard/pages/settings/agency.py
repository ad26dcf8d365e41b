"""The agency as its clients see it on the pages of a link: its name and its logo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import PageForm
from dashboard.pages.owner import owner_only
from dashboard.render import PageRequest, actor_of, render_page
from integrations.agency import MAX_UPLOAD, BadLogo, agency, introduce

if TYPE_CHECKING:
    from django.http import HttpResponse

WRONG = {
    "too_large": gettext_lazy("This file is larger than 512 KB."),
    "too_many_pixels": gettext_lazy("This picture has more than four million pixels. Make it smaller."),
    "no_picture": gettext_lazy("This is no PNG, JPEG or WebP picture. An SVG is a program and is not taken."),
}


class AgencyForm(PageForm):
    """The name and the logo."""

    name = forms.CharField(
        label=gettext_lazy("Name of the agency"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("Left empty, the page names the person who made the link."),
    )
    logo = forms.FileField(
        label=gettext_lazy("Logo"),
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
        help_text=gettext_lazy("PNG, JPEG or WebP, at most 512 KB. Only its pixels are kept."),
    )
    removes_logo = forms.BooleanField(label=gettext_lazy("Take the logo away"), required=False)


@owner_only
def agency_page(request: PageRequest) -> HttpResponse:
    """Show and save them."""
    now = agency()
    is_post = request.method == "POST"
    form = AgencyForm(request.POST if is_post else None, request.FILES if is_post else None, initial={"name": now.name})
    if not now.logo:
        del form.fields["removes_logo"]
    if is_post and form.is_valid():
        try:
            _save(request, form)
        except BadLogo as bad:
            form.add_error("logo", WRONG[bad.code])
        else:
            messages.success(request, _("Saved."))
            return HttpResponseRedirect(reverse("dashboard:settings_agency"))
    context = {"tab": "agency", "form": form, "now": now}
    return render_page(request, "dashboard/settings/agency.html", context, status=422 if form.is_bound else 200)


def _save(request: PageRequest, form: AgencyForm) -> None:
    data, upload = form.cleaned_data, form.cleaned_data["logo"]
    introduce(
        " ".join(data["name"].split()),
        actor=actor_of(request),
        upload=upload.read(MAX_UPLOAD + 1) if upload else None,
        removes_logo=data.get("removes_logo", False),
    )
