"""Where the credential of a described API goes: one place or several, and the values that they take."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import PageForm
from integrations.providers.injection import SLOT
from integrations.providers.parts import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from integrations.providers.shape import Provider

PLACES = [
    ("header", gettext_lazy("In a header")),
    ("query", gettext_lazy("In the query of the URL")),
    ("basic", gettext_lazy("As one half of Basic, the other is fixed")),
    ("path", gettext_lazy("In the path, before the call's own")),
    ("json", gettext_lazy("In a field of the JSON body")),
]
USUAL = "Bearer {token}"
LINE = re.compile(r"(?:(header|query)\s+)?([^\s:=]+)\s*[:=]\s*(\S.*)")
OWN = ("token", "basic", "username", "password")
# Basic has user name and password alone.
WITH_MORE = [kind for kind in KINDS if kind != "basic"]


class PlaceFields(PageForm):
    """The first place, and the others."""

    inject_in = forms.ChoiceField(label=gettext_lazy("The credential goes"), choices=PLACES, initial="header")
    inject_name = forms.CharField(
        label=gettext_lazy("Name of the header, parameter or field"),
        max_length=80,
        initial="Authorization",
        required=False,
        help_text=gettext_lazy("The path and Basic need none."),
    )
    inject_template = forms.CharField(
        label=gettext_lazy("Written as"),
        max_length=120,
        initial=USUAL,
        required=False,
        help_text=gettext_lazy("{token} is replaced. For Basic both halves, as in {token}:x."),
    )
    inject_more = forms.CharField(
        label=gettext_lazy("Other places"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "One a line, as in header X-Application-Key: {application_key}. A value in braces that is not {token} is "
            "asked for when connecting."
        ),
    )

    def clean_inject_more(self) -> list[dict[str, str]]:
        """Return the other places as facts have them."""
        found = []
        for line in filter(None, map(str.strip, self.cleaned_data["inject_more"].splitlines())):
            read = LINE.fullmatch(line)
            if read is None:
                raise forms.ValidationError(_("Write each as in header X-Application-Key: {application_key}."))
            found.append({"in": read[1] or "header", "name": read[2], "template": read[3]})
        return found

    def inject(self) -> dict[str, Any]:
        """Return the injection of `custom_from`."""
        data = self.cleaned_data
        place, template = data["inject_in"], data["inject_template"]
        if place != "header" and template == USUAL:
            template = "{token}"  # nobody writes Bearer anywhere else; it is what stood there
        made: dict[str, Any] = {"in": place, "name": data["inject_name"], "template": template}
        if place == "basic":
            pair = template if ":" in template else f"{template}:"
            made = {"in": "header", "name": "Authorization", "template": "Basic {basic}", "basic": pair}
        if place == "path":
            del made["name"]
        return made | ({"more": data["inject_more"]} if data["inject_more"] else {})

    def credential_fields(self, kept: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return what the places take beside the token; the words of one that was there before stay."""
        inject = self.inject()
        texts = [inject["template"], inject.get("basic", ""), *(place["template"] for place in inject.get("more", ()))]
        names = dict.fromkeys(name for text in texts for name in SLOT.findall(text) if name not in OWN)
        words = {field["name"]: field["words"] for field in kept}
        said = {name: words.get(name) or name.replace("_", " ").capitalize() for name in names}
        return [{"name": name, "words": text, "kinds": WITH_MORE} for name, text in said.items()]


def initial_of_places(provider: Provider) -> dict[str, Any]:
    """Return the places of a description as the form shows them."""
    slot = provider.injections["api_key"]
    more = "\n".join(f"{place.in_} {place.name}: {place.template}" for place in slot.more)
    if slot.basic:
        return {"inject_in": "basic", "inject_name": "", "inject_template": slot.basic, "inject_more": more}
    return {"inject_in": slot.in_, "inject_name": slot.name, "inject_template": slot.template, "inject_more": more}
