"""What can be changed at an endpoint: its name, who may send, how much and how often, in which order, for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import PageForm
from integrations.caller_networks import networks
from integrations.models.webhook import MOST_BODY_BYTES

if TYPE_CHECKING:
    from integrations.models import WebhookEndpoint
    from integrations.webhooks.schemes.shape import Scheme

MB, HOUR_S = 1024 * 1024, 3600
MOST_RANGES = 200


class SettingsForm(PageForm):
    """The settings of an endpoint. Its slug, client and scheme never change."""

    name = forms.CharField(max_length=120, required=False)
    ip_ranges = forms.CharField(
        label=gettext_lazy("Only from these addresses"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false", "placeholder": "192.0.2.0/24"}),
        help_text=gettext_lazy(
            "One address or range to a line. They narrow; they never stand in for the signature. None: from everywhere."
        ),
    )
    uses_published_ips = forms.BooleanField(
        label=gettext_lazy("Also from the addresses that the vendor publishes"),
        required=False,
        help_text=gettext_lazy("The list is read again by itself."),
    )
    per_minute = forms.IntegerField(
        label=gettext_lazy("Most requests a minute"),
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text=gettext_lazy("More are told to come later (429). Empty: no limit."),
    )
    max_body_mb = forms.DecimalField(
        label=gettext_lazy("Largest request in MB"), min_value=0, max_value=MOST_BODY_BYTES // MB, max_digits=8
    )
    is_ordered = forms.BooleanField(
        label=gettext_lazy("Hand events on in the order in which they came"),
        required=False,
        help_text=gettext_lazy("One at a time for each target: one that fails holds up those behind it."),
    )
    silent_after_h = forms.IntegerField(
        label=gettext_lazy("Tell me when nothing came for so many hours"),
        required=False,
        min_value=1,
        max_value=24 * 90,
        help_text=gettext_lazy("Empty: never."),
    )
    retention_days = forms.IntegerField(
        label=gettext_lazy("Keep what arrived for so many days"),
        required=False,
        min_value=1,
        max_value=3650,
        help_text=gettext_lazy("Empty: the client's or the installation's rule."),
    )

    def __init__(self, *args: Any, endpoint: WebhookEndpoint, scheme: Scheme | None, **kwargs: Any) -> None:
        kwargs["initial"] = _initial(endpoint)
        super().__init__(*args, **kwargs)
        if scheme is None or not scheme.sender.ip_list_url:
            del self.fields["uses_published_ips"]

    def clean_ip_ranges(self) -> list[str]:
        """Return the ranges as networks are written, each once."""
        lines = self.cleaned_data["ip_ranges"].replace(",", "\n").split()
        if len(lines) > MOST_RANGES:
            raise forms.ValidationError(_("At most {n} addresses or ranges.").format(n=MOST_RANGES))
        return list(dict.fromkeys(self._network(line) for line in lines))

    def _network(self, line: str) -> str:
        try:
            (network,) = networks([line])
        except ValueError:
            said = _("{line} is no address and no range such as 192.0.2.0/24.")
            raise forms.ValidationError(said.format(line=line[:60])) from None
        if network.prefixlen == 0:
            raise forms.ValidationError(_("A range of every address narrows nothing. Leave the field empty instead."))
        return str(network)

    def changes(self) -> dict[str, Any]:
        """Return what was typed, as the columns of an endpoint."""
        data = self.cleaned_data
        names = ("name", "ip_ranges", "per_minute", "is_ordered", "retention_days")
        changes = {name: data[name] for name in names}
        changes["max_body_bytes"] = max(1, int(data["max_body_mb"] * MB))
        hours = data["silent_after_h"]
        changes["silent_after_s"] = hours * HOUR_S if hours else None
        changes["uses_published_ips"] = data.get("uses_published_ips", False)
        return changes


def _initial(endpoint: WebhookEndpoint) -> dict[str, Any]:
    hours = endpoint.silent_after_s
    return {
        "name": endpoint.name,
        "ip_ranges": "\n".join(endpoint.ip_ranges),
        "uses_published_ips": endpoint.uses_published_ips,
        "per_minute": endpoint.per_minute,
        "max_body_mb": f"{endpoint.max_body_bytes / MB:g}",
        "is_ordered": endpoint.is_ordered,
        "silent_after_h": -(-hours // HOUR_S) if hours else None,
        "retention_days": endpoint.retention_days,
    }
