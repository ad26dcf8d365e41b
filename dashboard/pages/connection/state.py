"""What state a connection is in, as a sentence: what happened, what to do, and the one button for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.words import STATUS_TONES, ago_words
from integrations.causes import Cause, explain
from integrations.causes.saying import in_words
from integrations.connections.probing import SENTENCES
from integrations.models import CallHour, Connection, OAuthFlow
from integrations.providers.gone import is_gone
from integrations.providers.shape import Provider
from integrations.status import CHOICE_NEEDED

Status = Connection.Status
ACTS = {
    "connect": gettext_lazy("Connect now"),
    "reconnect": gettext_lazy("Reconnect"),
    "credential": gettext_lazy("Store the credential"),
    "probe": gettext_lazy("Try it now"),
    "resume": gettext_lazy("Resume"),
    "app": gettext_lazy("To the OAuth app"),
    "describe": gettext_lazy("Describe the API"),
    "choose_app": gettext_lazy("Use this OAuth app"),
}
PROBE_CODES = {
    "credential_refused": "refused",
    "credential_unreadable": "unreadable",
    "other_account": "other_account",
}


@dataclass(frozen=True)
class State:
    """A tone, what is so, what to do. `act` is one of ACTS or "". `is_waiting`: it will change by itself."""

    tone: str
    title: str
    text: str
    act: str = ""
    is_waiting: bool = False

    @property
    def act_words(self) -> str:
        """Return what the button says."""
        return str(ACTS.get(self.act, ""))


def state_of(connection: Connection, provider: Provider, *, now: datetime) -> State:
    """Return the state in words."""
    found = (
        _of_the_provider(connection, provider)
        or _of_the_app(connection, provider)
        or _STATES[Status(connection.status)](connection, provider, now)
    )
    waiting = connection.status == Status.UNTESTED or is_consent_under_way(connection, now=now)
    return replace(found, tone=found.tone or STATUS_TONES[connection.status], is_waiting=waiting)


def is_consent_under_way(connection: Connection, *, now: datetime) -> bool:
    """Tell whether somebody is at the provider's consent page at this moment."""
    if connection.kind != Connection.Kind.OAUTH2:
        return False
    return OAuthFlow.objects.filter(connection=connection, consumed_at=None, expires_at__gt=now).exists()


def _of_the_provider(connection: Connection, provider: Provider) -> State | None:
    if not is_gone(provider):
        return None
    text = _(
        "What Keylodge knew about this API ({provider_key}) is gone, so no call can go out. "
        "Describe the API again and connect it anew; then disconnect and delete this one. Its "
        "history stays."
    ).format(provider_key=connection.provider_key)
    return State("bad", _("The provider’s description is gone"), text, "describe")


def _of_the_app(connection: Connection, provider: Provider) -> State | None:
    """Return what is wrong with the OAuth app, which nothing done to the connection can mend; None: nothing."""
    if not connection.has_tokens or connection.status == Status.PAUSED:
        return None
    app = connection.oauth_app
    if app is None and connection.keeps_a_key:
        return None
    if app is None and connection.status in (Status.NOT_CONNECTED, Status.NEEDS_RECONNECTING):
        text = _("{name} gives access through an OAuth app, and none is chosen for this connection yet.").format(
            name=provider.name
        )
        return State("info", _("An OAuth app is missing"), text, "choose_app")
    if app is None or not app.is_broken:
        return None
    text = _(
        "{name} does not accept the app “{name2}” ({broken_code}), so no access can be renewed. "
        "The client cannot mend that. Correct the app, and its connections go on by themselves."
    ).format(name=provider.name, name2=app.name, broken_code=app.broken_code)
    return State(
        "bad", _("{name} refuses the OAuth app").format(name=provider.name), f"{text}{_harm(connection)}", "app"
    )


def _not_connected(connection: Connection, provider: Provider, now: datetime) -> State:
    if connection.status_code == "not_revoked":
        text = _(
            "The credential is gone from here, but {name} did not confirm that the access has ended. "
            "Remove the app in the settings of {name} too."
        ).format(name=provider.name)
        return State("warn", _("Disconnected, only here"), text, _way_in(connection))
    if connection.kind == Connection.Kind.CLIENT_CREDENTIALS:
        text = _("The OAuth app can ask {name} for a token at any time; nobody has to consent.").format(
            name=provider.name
        )
        return State("info", _("Not connected"), text, "probe")
    if connection.kind == Connection.Kind.OAUTH2:
        text = _("Nobody has agreed at {name} yet. Connect it yourself, or send the client a connect link.").format(
            name=provider.name
        )
        return State("info", _("Not connected yet"), text, "connect")
    return State("info", _("There is no credential yet"), _("Calls cannot go out before one is stored."), "credential")


def _untested(connection: Connection, provider: Provider, now: datetime) -> State:
    outcome = connection.probe_outcome if connection.probed_at else ""
    text = SENTENCES[outcome].format(name=provider.name) if outcome in SENTENCES else _("A credential is stored.")
    if outcome == "works":
        text = _("A new credential is stored since it was last tried.")
    return State(
        "", _("Not tested yet"), _("{text} One harmless call shows whether it is accepted.").format(text=text), "probe"
    )


def _connected(connection: Connection, provider: Provider, now: datetime) -> State:
    if connection.refresh_failures:
        cause = explain(provider, None, code="refresh_failing")
        return State(
            "warn",
            _("It works, but renewing the access just failed"),
            _said(cause),
            "probe",
        )
    if connection.probed_at is None:
        return State("", _("Connected"), _("Nobody has tried it with a call from here yet."), "probe")
    when = ago_words(connection.probed_at, now=now)
    sentence = SENTENCES.get(connection.probe_outcome, "").format(name=provider.name)
    return State(
        "",
        _("It works") if connection.probe_outcome == "works" else _("Connected"),
        _("Tried {when}: {sentence}").format(when=when, sentence=sentence),
    )


def _failing(connection: Connection, provider: Provider, now: datetime) -> State:
    outcome = PROBE_CODES.get(connection.status_code)
    act = _way_in(connection) if connection.status_code == "credential_refused" else "probe"
    if outcome is not None:
        title = (
            _("{name} refuses the credential").format(name=provider.name)
            if outcome == "refused"
            else _("It does not work as it should")
        )
        return State("", title, f"{SENTENCES[outcome].format(name=provider.name)}{_harm(connection)}", act)
    cause = explain(provider, None, code=connection.status_code)
    if not cause.is_known:
        return State("", _("Calls fail"), _("The errors below say why.{harm}").format(harm=_harm(connection)), "probe")
    act = "" if connection.status_code == CHOICE_NEEDED else "probe"
    return State("", in_words(cause.title), f"{_said(cause)}{_harm(connection)}", act)


def _said(cause: Cause) -> str:
    return f"{in_words(cause.cause)} {in_words(cause.remedy)}"


def _no_token_given(connection: Connection, provider: Provider) -> State:
    """Return why a machine's connection gets no token: what stands in the vault or at the provider is wrong."""
    text = SENTENCES["grant_refused"].format(name=provider.name)
    if connection.status_code:
        text = _("{text} What came back: {code}.").format(text=text, code=connection.status_code)
    return State(
        "", _("{name} gives no access token").format(name=provider.name), f"{text}{_harm(connection)}", "probe"
    )


def _needs_reconnecting(connection: Connection, provider: Provider, now: datetime) -> State:
    if connection.is_machine:
        return _no_token_given(connection, provider)
    cause = explain(provider, None, code=connection.status_code)
    if not cause.is_known:
        cause = explain(provider, None, code="needs_reconnecting")
    remedy = _("Reconnect it yourself, or send the client a connect link. Its address, tokens and history stay.")
    return State(
        "", _("Needs reconnecting"), f"{in_words(cause.cause)} {remedy}{_harm(connection)}", _way_in(connection)
    )


def _paused(connection: Connection, provider: Provider, now: datetime) -> State:
    text = _("Every call is refused until somebody resumes it. The credential stays where it is.")
    return State("", _("Paused"), text + _harm(connection), "resume")


_STATES = {
    Status.NOT_CONNECTED: _not_connected,
    Status.UNTESTED: _untested,
    Status.CONNECTED: _connected,
    Status.FAILING: _failing,
    Status.NEEDS_RECONNECTING: _needs_reconnecting,
    Status.PAUSED: _paused,
}


def _way_in(connection: Connection) -> str:
    """Return the act that gives it a credential again."""
    if connection.is_machine:
        return "probe" if connection.oauth_app_id or connection.grant_secret_id else ""
    if connection.kind != Connection.Kind.OAUTH2:
        return "credential"
    return "reconnect" if connection.oauth_app_id else ""


def _harm(connection: Connection) -> str:
    """Return how many calls have failed since, as a sentence of its own, or nothing."""
    if connection.status_since is None:
        return ""
    since = connection.status_since.replace(minute=0, second=0, microsecond=0)
    rows = CallHour.objects.filter(connection_id=connection.pk, hour__gte=since)
    failed = rows.aggregate(n=Sum("failed"))["n"] or 0
    return f" {failed} {'call has' if failed == 1 else 'calls have'} failed since." if failed else ""
