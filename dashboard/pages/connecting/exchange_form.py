"""The part of a described API that says how a key is exchanged for a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import PageForm

if TYPE_CHECKING:
    from integrations.providers.oauth_facts import OAuthFacts

JSON, FORM, BASIC = "json", "form", "basic"
WAYS = [
    (JSON, gettext_lazy("As JSON")),
    (FORM, gettext_lazy("As a form")),
    (BASIC, gettext_lazy("As user name and password (Basic)")),
]
LONGEST_S = 365 * 86_400
UNASKED = ("method", "headers", "fields", "dead_statuses")


class ExchangeFields(PageForm):
    """Where a pasted key is posted, in which words, and where the answer has the token."""

    exchange_url = forms.CharField(
        label=gettext_lazy("Address that answers a token"),
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false"}),
    )
    exchange_way = forms.ChoiceField(label=gettext_lazy("The key is sent"), choices=WAYS, initial=JSON, required=False)
    exchange_body = forms.CharField(
        label=gettext_lazy("Fields"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "placeholder": "apiKey = {api_key}"}),
        help_text=gettext_lazy("One a line, as in apiKey = {api_key}. What stands in braces is asked for and kept."),
    )
    exchange_token_at = forms.CharField(
        label=gettext_lazy("The token stands at"),
        max_length=120,
        required=False,
        initial="access_token",
        help_text=gettext_lazy("A field of the JSON answer; dots lead into tables, as in data.token."),
    )
    exchange_expires_at = forms.CharField(
        label=gettext_lazy("Its lifetime stands at"), max_length=120, required=False, initial="expires_in"
    )
    exchange_ttl_s = forms.IntegerField(
        label=gettext_lazy("Or lives for (seconds)"), required=False, min_value=1, max_value=LONGEST_S
    )

    def clean_exchange_body(self) -> dict[str, str]:
        """Return the fields by name."""
        found = {}
        for line in self.cleaned_data["exchange_body"].splitlines():
            name, mark, text = (part.strip() for part in line.partition("="))
            if not name and not text:
                continue
            if not mark or not name or not text or name in found:
                raise forms.ValidationError(_("Write one field a line, each once, as in apiKey = {api_key}."))
            found[name] = text
        return found

    def exchange(self, *, kept: Mapping[str, Any]) -> dict[str, Any]:
        """Return the table of `custom_from`, with what the form does not ask for; nothing without an address."""
        data = self.cleaned_data
        if not data["exchange_url"]:
            return {}
        others = {name: fact for name, fact in kept.get("oauth", {}).get("exchange", {}).items() if name in UNASKED}
        is_basic = data["exchange_way"] == BASIC
        table = {
            "url": data["exchange_url"],
            "encoding": FORM if is_basic else data["exchange_way"] or JSON,
            "body": data["exchange_body"],
            "basic": is_basic,
            "token_at": data["exchange_token_at"] or "access_token",
            "expires_at": data["exchange_expires_at"],
        }
        return others | table | ({"ttl_s": data["exchange_ttl_s"]} if data["exchange_ttl_s"] else {})


def initial_of_exchange(oauth: OAuthFacts) -> dict[str, Any]:
    """Return what is described as the form shows it."""
    own = oauth.exchange
    if not own.sent:
        return {}
    return {
        "exchange_url": oauth.token_url,
        "exchange_way": BASIC if own.basic else own.encoding,
        "exchange_body": "\n".join(f"{name} = {text}" for name, text in own.body.items()),
        "exchange_token_at": own.token_at,
        "exchange_expires_at": own.expires_at,
        "exchange_ttl_s": oauth.access_token_ttl_s,
        "token_url": "",
    }
