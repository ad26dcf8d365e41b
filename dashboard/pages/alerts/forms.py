"""Forms of a person's hours and of a route. An address typed into one is never written back into the page."""

from __future__ import annotations

import zoneinfo
from functools import cache
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import PageForm, PageModelForm
from dashboard.pages.vault.forms import SecretInput
from integrations.alerts.kinds import chosen_kinds, usual_kinds
from integrations.alerts.routes.channels import CHANNELS
from integrations.alerts.routes.sinks import SINKS, clean_place
from integrations.models import AlertHours, AlertRoute, Connection
from secrets_vault.models import Client
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from secrets_vault.models import User

WHEN = ("quiet_from", "quiet_to", "lets_urgent_pass", "wants_still", "digest_at")
WORDS = {
    "quiet_from": gettext_lazy("Quiet from"),
    "quiet_to": gettext_lazy("Quiet until"),
    "lets_urgent_pass": gettext_lazy("Urgent troubles come through all the same"),
    "wants_still": gettext_lazy("Once a day, what is still open"),
    "digest_at": gettext_lazy("At what hour"),
}

ADDRESS_WORDS = {"mail": gettext_lazy("E-mail address"), "apprise": gettext_lazy("Apprise URL")}


class TimeInput(forms.TimeInput):
    """A field for an hour of the day, as browsers know one."""

    input_type = "time"

    def __init__(self) -> None:
        super().__init__(format="%H:%M")


def hours_are_whole(form: PageForm | PageModelForm, data: dict[str, Any]) -> None:
    """Put what is wrong with quiet hours at their field: one end without the other, or no time between them."""
    begins, ends = data.get("quiet_from"), data.get("quiet_to")
    if (begins is None) != (ends is None):
        form.add_error("quiet_to" if ends is None else "quiet_from", _("Give both ends, or neither."))
    elif begins is not None and begins == ends:
        form.add_error("quiet_to", _("Quiet hours end at another time than they begin."))


class HoursForm(PageModelForm):
    """When a person wants to be left alone."""

    class Meta:
        model = AlertHours
        fields = WHEN
        labels = WORDS
        widgets = {name: TimeInput() for name in ("quiet_from", "quiet_to", "digest_at")}
        help_texts = {
            "quiet_to": gettext_lazy("What comes in between arrives as one summary when they end. Both empty: never."),
            "digest_at": gettext_lazy("In your own time zone, which your profile says."),
        }

    def clean(self) -> dict[str, Any]:
        """Look at both ends of the quiet hours together."""
        data = super().clean() or {}
        hours_are_whole(self, data)
        return data


@cache
def _zones() -> list[tuple[str, str]]:
    names = ["UTC", *sorted(name for name in zoneinfo.available_timezones() if "/" in name and "Etc" not in name)]
    return [(name, name) for name in names]


class RouteForm(PageModelForm):
    """A route of one channel. Whose it is cannot be changed later; its address is never shown again."""

    client = forms.ModelChoiceField(queryset=Client.objects.none(), required=False)
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Tell of"), choices=chosen_kinds, widget=forms.CheckboxSelectMultiple
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=lambda: list(settings.LANGUAGES))
    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"), choices=_zones)

    class Meta:
        model = AlertRoute
        fields = ("name", "client", "kinds", "least", "language", "time_zone", *WHEN)
        labels = WORDS | {"name": gettext_lazy("Name"), "least": gettext_lazy("How bad at least")}
        widgets = {name: TimeInput() for name in ("quiet_from", "quiet_to", "digest_at")}
        help_texts = {
            "name": gettext_lazy("What you call it, as in “#alerts of Acme”."),
            "quiet_to": gettext_lazy("What comes in between arrives as one summary when they end. Both empty: never."),
        }

    def __init__(self, *args: Any, user: User, channel: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.channel, self.is_new = channel, self.instance._state.adding
        self.new_address: Secret | None = None
        self._take_whose(user)
        if channel in SINKS:
            self._take_place(user)
        else:
            self._take_address()
        first = ["name", "client", "address", "connection", *SINKS[channel].needs] if channel in SINKS else []
        self.order_fields([*(first or ["name", "client", "address"]), "kinds", "least"])

    def _take_whose(self, user: User) -> None:
        if not self.is_new:
            del self.fields["client"]
            return
        field: Any = self.fields["client"]
        field.queryset = Client.objects.manageable_by(user).filter(archived_at=None, is_sandbox=False, is_demo=False)
        field.required = not user.is_owner
        field.empty_label = _("Every client") if user.is_owner else None
        self.fields["kinds"].initial = usual_kinds()

    def _take_address(self) -> None:
        is_mail = self.channel == AlertRoute.Channel.MAIL
        known = CHANNELS.get(self.channel)
        help_text = known.hint if known else _("Of a person or of a list.")
        if self.channel == AlertRoute.Channel.APPRISE:
            help_text = _(
                "An Apprise URL to one recipient, such as {example}. The list below says how each is written."
            )
            help_text = help_text.format(example="tgram://{bot_token}/{chat_id}")
        if not self.is_new:
            said = _("It is {masked} now. Left empty, it stays; what waits goes to a new one too.")
            help_text = said.format(masked=self.instance.address_masked)
        self.fields["address"] = forms.CharField(
            label=ADDRESS_WORDS.get(self.channel, _("Webhook address")),
            required=self.is_new,
            max_length=2_000,
            widget=forms.EmailInput() if is_mail else SecretInput(),
            help_text=help_text,
        )

    def _take_place(self, user: User) -> None:
        """Ask for a connection and a place instead of an address; a table has no hours, and takes errors alone."""
        for name in ("kinds", "least", "language", "time_zone", *WHEN):
            del self.fields[name]
        sink = SINKS[self.channel]
        rows = Connection.objects.manageable_by(user).filter(provider_key=sink.provider_key, is_sandbox=False)
        self.fields["connection"] = forms.ModelChoiceField(
            rows.filter(is_demo=False).select_related("client", "environment"),
            label=_("Write through the connection"),
            initial=self.instance.connection_id,
            help_text=_("Errors of this very connection are not written there: they could not arrive."),
        )
        for part, (words, _pattern, hint) in sink.needs.items():
            self.fields[part] = forms.CharField(
                label=words, help_text=hint, max_length=300, initial=self.instance.place.get(part, "")
            )

    def clean(self) -> dict[str, Any]:
        """Settle hours, place and address."""
        data = super().clean() or {}
        hours_are_whole(self, data)
        if self.channel in SINKS:
            data["place"] = self._place(data)
        elif typed := data.get("address"):
            self.new_address = Secret(typed.strip())
        return data

    def _place(self, data: dict[str, Any]) -> dict[str, str]:
        place = {}
        for part in SINKS[self.channel].needs:
            kept = clean_place(self.channel, part, data[part]) if part in data else ""
            if kept is None:
                self.add_error(part, _("That cannot be it. Copy it as it stands there."))
            place[part] = kept or ""
        return place

    def about(self) -> dict[str, Any]:
        """Return the columns that the form decides."""
        names = {field.name for field in AlertRoute._meta.concrete_fields} & (set(self.cleaned_data) - {"address"})
        return {name: self.cleaned_data[name] for name in names}
