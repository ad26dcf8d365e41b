"""The form of a test call: a method, a path, headers and a body. The credential and the host are never a person's."""

from __future__ import annotations

import json
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import PageForm
from integrations.gateway.again import MASKED
from integrations.gateway.console import METHODS
from integrations.gateway.target import is_refused

PATH = re.compile(r"/[\x21-\x22\x24-\x7e]*\Z")  # printable ASCII without a space and without "#"
MOST_BODY = 64 * 1024
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,80}\Z")
HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,1000}\Z")
NOT_FOR_A_PERSON = frozenset({
    "authorization", "proxy-authorization", "cookie", "host", "content-length", "transfer-encoding", "connection",
    "upgrade", "te", "trailer", "expect", "keep-alive", "forwarded", "x-forwarded-for",
})  # fmt: skip


class TestCallForm(PageForm):
    """One call through the gateway. There is a path and no URL: the credential goes where it is bound."""

    __test__ = False  # pytest would take the class for tests

    method = forms.ChoiceField(label=gettext_lazy("Method"), choices=[(name, name) for name in METHODS])
    path = forms.CharField(
        label=gettext_lazy("Path"),
        max_length=2000,
        strip=True,
        help_text=gettext_lazy("What follows the provider's address, with its query. It begins with one slash."),
        widget=forms.TextInput(
            attrs={"spellcheck": "false", "autocomplete": "off", "class": "mono", "list": "known-paths"}
        ),
    )
    headers = forms.CharField(
        label=gettext_lazy("Headers"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "class": "mono", "autocomplete": "off"}),
        help_text=gettext_lazy("One to a line, as in X-Version: 2. The credential is put in by Keylodge."),
    )
    body = forms.CharField(
        label=gettext_lazy("Body"),
        required=False,
        strip=False,
        max_length=MOST_BODY,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "mono"}),
        help_text=gettext_lazy("What begins like JSON must be JSON."),
    )
    sure = forms.BooleanField(required=False, widget=forms.HiddenInput)
    earlier = forms.UUIDField(required=False, widget=forms.HiddenInput)  # the call of the log that this one makes again
    approval = forms.UUIDField(required=False, widget=forms.HiddenInput)  # sends one such call, however often it comes

    def clean(self) -> dict[str, Any]:
        """Refuse the stars of what the log masked: they were never sent, and must not be now."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("path", "body") if cleaned.get("earlier") else ():
            if MASKED in str(cleaned.get(name, "")):
                self.add_error(name, _("Put what was masked where the four stars stand."))
        return cleaned

    def clean_headers(self) -> list[tuple[str, str]]:
        """Return the headers in pairs. None may stand for the credential, the host or the framing."""
        pairs = []
        for line in filter(None, (line.strip() for line in self.cleaned_data["headers"].splitlines())):
            name, colon, value = (part.strip() for part in line.partition(":"))
            if not colon or not HEADER_NAME.match(name) or not HEADER_VALUE.match(value):
                raise ValidationError(_("Each line is a name, a colon and a value, in plain characters."))
            if name.lower() in NOT_FOR_A_PERSON or name.lower().startswith("x-keylodge-"):
                raise ValidationError(_("{name} is set by Keylodge itself.").format(name=name))
            pairs.append((name, value))
        return pairs

    def clean_body(self) -> str:
        """Refuse what begins like JSON and is none, with the place; another kind of body names its own type."""
        body: str = self.cleaned_data["body"]
        names = {name.lower(): value for name, value in self.cleaned_data.get("headers") or ()}
        if body.lstrip()[:1] in ("{", "[") and "json" in names.get("content-type", "json"):
            try:
                json.loads(body)
            except (ValueError, RecursionError) as error:
                place = {"line": getattr(error, "lineno", 1), "column": getattr(error, "colno", 1)}
                raise ValidationError(
                    _("This is no JSON: look at line {line}, column {column}.").format(**place)
                ) from None
        return body

    def clean_path(self) -> str:
        """Refuse what is not a plain path; the gateway judges it a second time."""
        path: str = self.cleaned_data["path"]
        if "://" in path.partition("?")[0]:
            raise ValidationError(
                _("Give only the path, as in /crm/v3/objects/contacts. The host is the connection's own.")
            )
        if not PATH.match(path):
            raise ValidationError(_("Begin with one slash, and write spaces and umlauts percent-encoded, as in %20."))
        if is_refused(path.partition("?")[0].encode("ascii")):
            raise ValidationError(
                _("The path holds dot segments, a backslash or two leading slashes. Write it plainly.")
            )
        return path
