"""One version of a secret tried at its provider, whichever version the gateway uses. No state changes."""

from __future__ import annotations

from collections.abc import Mapping

from integrations import outbound, probe_quota
from integrations.connections.probing import ProbeResult
from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.oauth.account import account_in
from integrations.oauth.keeping import bound_host, provider_of
from integrations.oauth.session import Send
from integrations.probe_call import NoProbe, ProbeAnswer, call_probe
from integrations.providers.injection import OWN_FIELDS
from integrations.providers.shape import Provider
from integrations.rotating.drivers import DRIVERS
from integrations.rotating.drivers.vendor import DriverFailed, Vendor
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.errors import PolicyRefused, VaultError
from secrets_vault.models import SecretVersion
from secrets_vault.secret import Secret

WORKS, REFUSED, NO_PROBE = "works", "refused", "no_probe"


def try_version(connection: Connection | None, version: SecretVersion, *, send: Send = outbound.send) -> ProbeResult:
    """Return what the provider says to this version. `no_probe`: there is no call, or no connection, to try it with."""
    if connection is None or connection.kind not in OWN_FIELDS:
        return ProbeResult(NO_PROBE, "")
    try:
        provider = provider_of(connection)
        fields = _fields(connection, provider, version)
        probe_quota.take_or_count(connection, provider)
        answer = call_probe(provider, connection.kind, fields, send=send)
    except NoProbe:
        return _by_driver(connection, version, send=send)
    except (VaultError, IntegrationError) as error:
        return ProbeResult("unreadable", error.code)
    return _judged(connection, provider, answer)


def _fields(connection: Connection, provider: Provider, version: SecretVersion) -> Mapping[str, Secret]:
    """Return the version's fields, after asking the policy whether they may go where the probe goes."""
    stored = version.secret
    url = provider.probe.url if provider.probe and provider.probe.url else provider.base_url
    for slot in provider.injection_for(connection.kind).slots:
        vault.check_policy(stored, host=bound_host(url), slot=slot)
    return vault.use(stored, actor=SYSTEM, purpose="rotation", version=version)


def _judged(connection: Connection, provider: Provider, answer: ProbeAnswer) -> ProbeResult:
    """Return the outcome. Only a status that refuses the credential itself is a refusal: it proves a death."""
    if answer.code:
        return ProbeResult("unreachable", answer.code)
    if not answer.proves(provider):
        return ProbeResult(REFUSED if _is_refusal(provider, answer) else "unclear", "", answer.status)
    account_id, account_name = account_in(provider, answer.json())
    outcome = "other_account" if connection.is_for_other_than(account_id) else WORKS
    return ProbeResult(outcome, "", answer.status, account_id, account_name)


def _is_refusal(provider: Provider, answer: ProbeAnswer) -> bool:
    """Tell a refused credential from any other failure: 401, 403, what the facts add, or Slack's no with a 200."""
    says_no = provider.probe is not None and provider.probe.true_at and 200 <= answer.status < 300
    return bool(says_no) or answer.status in {401, 403, *provider.rotation.refused_statuses}


def _by_driver(connection: Connection, version: SecretVersion, *, send: Send) -> ProbeResult:
    """Try it as the vendor's driver does, where the facts name no call: AWS has none that every key may make."""
    provider = provider_of(connection)
    driver = DRIVERS.get(provider.rotation.driver)
    if driver is None or not hasattr(driver, "check"):
        return ProbeResult(NO_PROBE, "")
    try:
        fields = vault.use(version.secret, actor=SYSTEM, purpose="rotation", version=version)
        vendor = Vendor(provider, connection.kind, version.secret, fields, "", driver.INJECTION, send)
        driver.check(vendor)
    except PolicyRefused:  # nobody has let a driver use this secret: then there is no such call
        return ProbeResult(NO_PROBE, "")
    except DriverFailed as failed:
        outcomes = {"not_allowed": REFUSED, "unreachable": "unreachable"}
        return ProbeResult(outcomes.get(failed.code, "unclear"), "", failed.status)
    return ProbeResult(WORKS, "", 200)
