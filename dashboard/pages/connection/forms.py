"""The forms of a connection's page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from ipaddress import ip_network
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import DayInput, PageForm
from integrations.gateway.console import METHODS
from integrations.models import Connection, GatewayToken
from integrations.providers.gone import shown_provider
from integrations.providers.injection import CredentialField
from integrations.providers.reach import Reach
from integrations.tokens import LONGEST_GAP_S, LONGEST_WAIT_S, SHORTEST_GAP_S
from integrations.web_origins import is_origin
from secrets_vault.secret import Secret

PATTERN = re.compile(r"[/*][\x21-\x7e]*\Z")
DEFAULT_PER_MINUTE = 100
AS_TYPED = (
    "paths",
    "per_minute",
    "per_day",
    "min_gap_s",
    "max_wait_s",
    "max_uses",
    "ip_ranges",
    "keep_failed",
    "serve_stale",
    "origins",
)  # limits that need no more work


class RenameForm(PageForm):
    """What people call the connection."""

    label = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("The address with its short name stays as it is."),
    )


class _Connections(forms.ModelMultipleChoiceField):
    """Connections by name and address: two may be called the same."""

    def label_from_instance(self, obj: Connection) -> str:
        """Return what stands beside the box."""
        return f"{obj} · {obj.slug}"


class TokenForm(PageForm):
    """A gateway token: what it is for, and what it may do."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        help_text=gettext_lazy("The automation that will hold it, as in “n8n lead intake”."),
    )
    connections = _Connections(
        label=gettext_lazy("For"),
        queryset=Connection.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("The token opens these connections and nothing else."),
    )
    methods = forms.MultipleChoiceField(
        label=gettext_lazy("Methods"),
        required=False,
        choices=[(name, name) for name in METHODS],
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: all."),
    )
    only_rights = forms.BooleanField(label=gettext_lazy("Only what these scopes allow"), required=False)
    paths = forms.CharField(
        label=gettext_lazy("Paths"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "/crm/v3/*", "class": "mono", "spellcheck": "false"}),
        help_text=gettext_lazy("One to a line; * stands for anything. None, here or by its scopes: all."),
    )
    per_minute = forms.IntegerField(
        label=gettext_lazy("Calls a minute"), required=False, min_value=1, max_value=1_000_000
    )
    per_day = forms.IntegerField(
        label=gettext_lazy("Calls a day"), required=False, min_value=1, max_value=1_000_000_000
    )
    min_gap_s = forms.FloatField(
        label=gettext_lazy("Least seconds between two calls"),
        required=False,
        min_value=SHORTEST_GAP_S,
        max_value=LONGEST_GAP_S,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text=gettext_lazy("A call waits up to 30 seconds for its turn; else it is told when to come back."),
    )
    max_wait_s = forms.FloatField(
        label=gettext_lazy("Most seconds to wait for the provider’s limit"),
        required=False,
        min_value=0,
        max_value=LONGEST_WAIT_S,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text=gettext_lazy(
            "Beyond it a call is answered 429 with the true time. Empty: 30 seconds. A call says otherwise by "
            "X-Keylodge-Max-Wait."
        ),
    )
    max_uses = forms.IntegerField(
        label=gettext_lazy("Calls in all"), required=False, min_value=1, max_value=2_000_000_000
    )
    keep_failed = forms.BooleanField(
        label=gettext_lazy("Keep failed calls for me"),
        required=False,
        help_text=gettext_lazy(
            "A call that fails because the provider is away, or a limit is reached, is answered 202, waits here "
            "encrypted and is made later, in its order. A call says otherwise by X-Keylodge-Queue."
        ),
    )
    serve_stale = forms.BooleanField(
        label=gettext_lazy("Answer reads from the last good copy"),
        required=False,
        help_text=gettext_lazy(
            "While the provider gives no answer, a GET is answered as it was last answered to this token, marked "
            "stale, for up to a day. Its answers are kept encrypted for that. A call says otherwise by "
            "X-Keylodge-Cache."
        ),
    )
    origins = forms.CharField(
        label=gettext_lazy("Web pages that may call with it"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "https://app.example.com", "class": "mono"}),
        help_text=gettext_lazy(
            "Origins, one to a line, for calls from a browser (CORS). Empty: none. Who opens such a page can read the "
            "token, so give it few methods and paths."
        ),
    )
    ends_on = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=DayInput(),
        help_text=gettext_lazy("Empty: it works until it is revoked."),
    )
    ip_ranges = forms.CharField(
        label=gettext_lazy("Only from"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "203.0.113.0/24", "class": "mono"}),
        help_text=gettext_lazy("Addresses or ranges, one to a line. Empty: from anywhere."),
    )

    def __init__(
        self, *args: Any, connections: Any, client_id: Any, token: GatewayToken | None = None, **kwargs: Any
    ) -> None:
        """Offer the client's connections; with `token` the form changes that one."""
        super().__init__(*args, **kwargs)
        self.client_id, self.token = client_id, token
        self.fields["connections"].queryset = connections  # type: ignore[attr-defined]
        self.reaches = reaches_of(connections)
        if not self.reaches:
            del self.fields["only_rights"]

    def clean_name(self) -> str:
        """Refuse a name that the client has already."""
        name: str = self.cleaned_data["name"]
        others = GatewayToken.objects.exclude(pk=self.token.pk) if self.token else GatewayToken.objects
        if others.filter(client_id=self.client_id, name=name).exists():
            raise ValidationError(_("There is a gateway token of this name. Choose another, or roll that one."))
        return name

    def clean_paths(self) -> list[str]:
        """Return the patterns."""
        found = self.cleaned_data["paths"].split()
        for path in found:
            if not PATTERN.match(path):
                raise ValidationError(_("{path}: a path begins with / or *.").format(path=path))
        return list(dict.fromkeys(found))

    def clean_ip_ranges(self) -> list[str]:
        """Return the ranges."""
        found = self.cleaned_data["ip_ranges"].replace(",", " ").split()
        for text in found:
            try:
                ip_network(text)
            except ValueError:
                raise ValidationError(
                    _("{text} is not an address or a range, as in 203.0.113.0/24.").format(text=text)
                ) from None
        return list(dict.fromkeys(found))

    def clean_origins(self) -> list[str]:
        """Return the origins."""
        found = self.cleaned_data["origins"].replace(",", " ").lower().split()
        for text in found:
            if not is_origin(text):
                raise ValidationError(
                    _("{text} is no origin: write scheme and host alone, as in https://app.example.com.").format(
                        text=text
                    )
                )
        return list(dict.fromkeys(found))

    def clean_ends_on(self) -> Any:
        """Refuse a day that has passed; one that stands there unchanged may have."""
        day = self.cleaned_data["ends_on"]
        if day is not None and day < timezone.localdate() and "ends_on" in self.changed_data:
            raise ValidationError(_("This day has passed."))
        return day

    def clean(self) -> dict[str, Any]:
        """Add the paths that the scopes of every chosen connection allow, where only those are wanted."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if not data.get("only_rights") or "paths" not in data:
            return data
        by_connection = {connection.pk: reach.paths for connection, reach in self.reaches}
        for connection in data.get("connections") or ():
            if connection.pk not in by_connection:
                self.add_error(
                    "only_rights",
                    _("Nobody wrote down which paths {slug} may use. Untick this, or leave it out.").format(
                        slug=connection.slug
                    ),
                )
        allowed = [path for one in data.get("connections") or () for path in by_connection.get(one.pk, ())]
        data["paths"] = list(dict.fromkeys([*allowed, *data["paths"]]))
        return data

    def limits(self) -> dict[str, Any]:
        """Return what `tokens.make` takes. The last day counts whole, in the zone of who made the token."""
        chosen = {name: self.cleaned_data[name] for name in AS_TYPED}
        methods = self.cleaned_data["methods"]
        chosen["methods"] = [] if len(methods) == len(METHODS) else methods
        day = self.cleaned_data["ends_on"]
        if self.token and "ends_on" not in self.changed_data:
            chosen["expires_at"] = self.token.expires_at  # to the minute, as it was made
        else:
            chosen["expires_at"] = day and timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
        return chosen


def reaches_of(connections: Iterable[Connection]) -> list[tuple[Connection, Reach]]:
    """Return the connections whose given scopes have known paths, with those paths."""
    found = []
    for connection in connections:
        reach = shown_provider(connection).reach_of(connection.granted_scopes) if connection.granted_scopes else Reach()
        if reach.paths:
            found.append((connection, reach))
    return found


class RollForm(PageForm):
    """How long the old text of a rolled token stays valid."""

    hours = forms.TypedChoiceField(
        label=gettext_lazy("The old one works for"),
        coerce=int,
        initial=24,
        choices=[
            (0, gettext_lazy("not a minute longer")),
            (1, gettext_lazy("1 hour")),
            (24, gettext_lazy("24 hours")),
            (72, gettext_lazy("3 days")),
            (168, gettext_lazy("7 days")),
        ],
    )


class CredentialForm(PageForm):
    """The credential of a connection that is not OAuth. What was typed is never sent back."""

    made_on = forms.DateField(
        label=gettext_lazy("Made on"),
        required=False,
        widget=DayInput(),
        help_text=gettext_lazy("The day the provider made it. Empty: not known."),
    )

    def __init__(self, *args: Any, wanted: Sequence[CredentialField], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wanted = wanted
        for field in wanted:
            widget = forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"})
            self.fields[field.name] = forms.CharField(
                label=_(field.words),
                strip=False,
                widget=widget,
                required=not field.is_optional and field.name != "password",
                max_length=8192,
            )
        self.order_fields([*(field.name for field in wanted), "made_on"])

    def values(self) -> dict[str, Secret]:
        """Return what was typed, as the vault takes it. What may be left out and was is not among it."""
        given = {field: self.cleaned_data[field.name] for field in self.wanted}
        return {field.name: Secret(text) for field, text in given.items() if text or not field.is_optional}
