"""Whether alerts may go to an address: it is of the place it is said to be of, and leads to the public internet."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from integrations import outbound
from integrations.alerts.routes.apprise import plugins
from integrations.alerts.routes.apprise.table import BY_SCHEME
from integrations.alerts.routes.channels import CHANNELS
from integrations.errors import IntegrationError
from integrations.models import AlertRoute
from secrets_vault.secret import Secret

LONGEST_ADDRESS = 2_000


class BadRoute(IntegrationError):
    """A route cannot be like this. `field` names what to correct; the message says how."""

    code = "bad_route"

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        super().__init__(reason)


def check_address(channel: str, address: Secret) -> None:
    """Raise BadRoute unless alerts may go to this address. A host is looked up now, and at each call again."""
    text = address.expose()
    if not text or len(text) > LONGEST_ADDRESS:
        raise BadRoute("address", _("Give the whole address."))
    if channel == AlertRoute.Channel.MAIL:
        _check_mail(text)
        return
    if channel == AlertRoute.Channel.APPRISE:
        _check_apprise(text)
        return
    try:
        origin, _target = outbound.split_url(text)
        if not _is_of(channel, origin.host) and not origin.is_named_by(outbound.allowed_private_hosts()):
            hosts = ", ".join(CHANNELS[channel].hosts)
            raise BadRoute(
                "address", _("Such an address begins with https:// and one of: {hosts}.").format(hosts=hosts)
            )
        outbound.vet(text)
    except outbound.HostRefused:
        reason = _("Alerts go to https addresses on the public internet, and to hosts that the installation opens.")
        raise BadRoute("address", reason) from None
    except outbound.BadRequest:
        raise BadRoute("address", _("This is no https address with a plain host name.")) from None
    except outbound.OutboundError:
        raise BadRoute("address", _("The host of this address was not found. Check how it is spelled.")) from None


def _check_mail(text: str) -> None:
    try:
        validate_email(text)
    except ValidationError:
        raise BadRoute("address", _("This is no e-mail address.")) from None


def _check_apprise(text: str) -> None:
    """Ask the plugin. Where its requests go is judged at each one, as no one knows of them before."""
    try:
        plugins.plugin_of(text)
    except plugins.BadAddress as bad:
        reasons = {
            "missing": _("Apprise is not installed here. Run this in Keylodge’s folder, then start it anew: {command}"),
            "unknown_service": _("Keylodge knows no service with such an address. The list below has those it knows."),
            "many": _(
                "This address names several recipients. Make a route for each, so that none gets a message twice."
            ),
        }
        service = BY_SCHEME.get(plugins.scheme_of(text))
        not_understood = _("This address is not complete. For {service} it is written like this: {example}")
        reason = reasons.get(bad.code, not_understood)
        about = {"service": service.name, "example": service.example} if service else {}
        raise BadRoute("address", reason.format(command=plugins.INSTALL, **about)) from None


def _is_of(channel: str, host: str) -> bool:
    hosts = CHANNELS[channel].hosts
    return not hosts or any(host.endswith(each[1:]) if each.startswith("*.") else host == each for each in hosts)
