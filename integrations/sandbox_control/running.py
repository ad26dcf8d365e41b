"""One sandbox for the installation: a child of ours, ended with us, started again when it should be running."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations import outbound
from integrations.errors import IntegrationError
from integrations.models import CustomProvider, OAuthApp
from integrations.oauth.app import make_app, replace_client_secret
from integrations.outbound.dial import ALLOWED_HOSTS_SETTING
from integrations.sandbox_control.facts import KEYS, NAMES, facts
from secrets_vault import audit, generation, vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.models import InstallationSetting
from secrets_vault.secret import Secret

SETTING = "sandbox"
STATE_FILE = "sandbox.json"
STARTS_WITHIN_S = 20.0
ANSWERS_WITHIN_S = 5.0

_children: list[subprocess.Popen[str]] = []
_guard = threading.Lock()


if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class SandboxFailed(IntegrationError):
    """The sandbox could not be started or does not answer. The message says what to do."""

    code = "sandbox_failed"


@dataclass(frozen=True)
class Trouble:
    """A trouble in plain words, what to look at next, and what the control URL is told."""

    words: StrOrPromise
    next: StrOrPromise
    asked: dict[str, Any] = field(repr=False)


TROUBLES: dict[str, Trouble] = {
    "well": Trouble(
        gettext_lazy("All well"), gettext_lazy("Calls work again. Today and Errors show what was."), {"clear": True}
    ),
    "busy": Trouble(
        gettext_lazy("Too busy (429)"),
        gettext_lazy(
            "Send a test call: Keylodge waits as long as it is asked to and tries again. Then look "
            "at Errors and Limits."
        ),
        {"status": 429, "retry_after_s": 2},
    ),
    "busy_once": Trouble(
        gettext_lazy("Too busy for one call (429)"),
        gettext_lazy("Send a test call: it works at the second try. Its page shows both attempts."),
        {"status": 429, "retry_after_s": 2, "times": 1},
    ),
    "down": Trouble(
        gettext_lazy("Down (500)"),
        gettext_lazy("Send a test call, then look at Errors: who must act is the provider."),
        {"status": 500},
    ),
    "slow": Trouble(
        gettext_lazy("Slow (5 seconds)"),
        gettext_lazy("Send a test call and look at where its time went."),
        {"delay_s": 5},
    ),
    "cut_off": Trouble(
        gettext_lazy("Cut off mid-answer"),
        gettext_lazy("Send a test call: half an answer is an error, never a short answer."),
        {"reset_mid_body": True},
    ),
    "quota": Trouble(
        gettext_lazy("OpenAI’s quota is spent"),
        gettext_lazy("Send a test call to OpenAI (sandbox): a spent quota is not tried again."),
        {"provider": "openai", "status": 429, "code": "insufficient_quota"},
    ),
    "workflow_down": Trouble(
        gettext_lazy("The workflow behind the webhooks is down (500)"),
        gettext_lazy("Send a webhook below: it waits and is tried again. “All well” lets it through."),
        {"provider": "workflow", "status": 500},
    ),
    "missing_scope": Trouble(
        gettext_lazy("The next consent gives less than was asked for"),
        gettext_lazy("Reconnect HubSpot (sandbox): the missing right is named at once."),
        {"missing_scope": "crm.objects.contacts.read"},
    ),
    "withdrawn": Trouble(
        gettext_lazy("Withdraw the grant"),
        gettext_lazy(
            "Send a test call: the connection needs reconnecting. Today has the link that mends it, Messages the mail."
        ),
        {"revoke": True},
    ),
}


@dataclass(frozen=True)
class Status:
    """What the panel shows. `keys` are the sandbox's own keys to paste; they open nothing else."""

    is_running: bool
    url: str = ""
    troubles: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict, repr=False)


def start(actor: Actor, *, now: datetime | None = None) -> Status:
    """Start the sandbox unless it runs, and describe its providers. Raises SandboxFailed."""
    with _guard:
        known = recorded()
        if known and _is_answering(known):
            return status()
        line = _launch(port=int(known.get("port", 0)))
        _record(line, actor=actor, now=now or timezone.now())
    return status()


def stop(actor: Actor) -> None:
    """End the sandbox and forget its address; its providers stay, and say that they cannot be reached."""
    known = recorded()
    if not known:
        return
    with suppress(SandboxFailed):  # it is not running; there is nothing else that this URL could end
        control(known, "POST", {"stop": True})
    with transaction.atomic():
        InstallationSetting.objects.filter(pk=SETTING).update(value=known | {"is_wanted": False})
        InstallationSetting.objects.filter(pk=ALLOWED_HOSTS_SETTING).update(value=[])
        audit.record("sandbox.stopped", actor=actor)
        generation.bump()
    _reap()


def keep_running() -> bool:
    """Start the sandbox again when it should run and does not, after a restart of ours. For the sweep."""
    known = recorded()
    if not known or not known.get("is_wanted") or _is_answering(known):
        return False
    start(SYSTEM)
    return True


def status() -> Status:
    """Return how the sandbox is."""
    known = recorded()
    if not known or not known.get("is_wanted"):
        return Status(is_running=False)
    try:
        said, keys = control(known, "GET"), control(known, "GET", path="/keys")
    except SandboxFailed:
        return Status(is_running=False, url=known["url"])
    return Status(is_running=True, url=known["url"], troubles=said["troubles"], keys=keys)


def trouble(kind: str, *, provider: str = "", actor: Actor) -> Trouble:
    """Make one kind of trouble, in place of any other. Raises SandboxFailed; KeyError for an unknown kind."""
    wanted = TROUBLES[kind]
    known = recorded()
    if not known:
        raise SandboxFailed(_("The sandbox is not running. Start it first."))
    control(known, "POST", {"clear": True})
    control(known, "POST", ({"provider": provider} if provider else {}) | wanted.asked)
    with transaction.atomic():
        audit.record("sandbox.trouble", actor=actor, details={"kind": kind, "provider": provider})
    return wanted


def recorded() -> dict[str, Any]:
    """Return where the sandbox is, as it was written down; empty when it was never started."""
    row = InstallationSetting.objects.filter(pk=SETTING).first()
    return dict(row.value) if row else {}


def _is_answering(known: dict[str, Any]) -> bool:
    try:
        control(known, "GET")
    except SandboxFailed:
        return False
    return True


def control(known: dict[str, Any], method: str, asked: dict[str, Any] | None = None, *, path: str = "") -> Any:
    """Ask the sandbox's control URL; return what it says. Raises SandboxFailed."""
    body = None if asked is None else json.dumps(asked).encode()
    try:
        answer = outbound.send(method, known["control_url"] + path, body=body, deadline_s=ANSWERS_WITHIN_S)
        if answer.status == 200:
            return json.loads(answer.body)
    except (outbound.OutboundError, ValueError) as error:
        raise SandboxFailed(_("The sandbox does not answer. Start it again.")) from error
    raise SandboxFailed(_("Another program answers at the sandbox's address. Stop it, or stop the sandbox here."))


def _launch(*, port: int) -> dict[str, Any]:
    """Start the child and return its first line. It ends when our end of its stdin closes: with us."""
    state = settings.KEYLODGE_HOME / STATE_FILE
    command = [sys.executable, "-m", "integrations.sandbox", "--port", str(port), "--state", str(state), "--lifeline"]
    child = subprocess.Popen(  # noqa: S603 - our own module, no shell
        command,
        cwd=settings.BASE_DIR,
        env={"PYTHONPATH": str(settings.BASE_DIR)},  # nothing of ours: the wrapping key may be in our environment
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    late = threading.Timer(STARTS_WITHIN_S, child.kill)
    late.start()
    assert child.stdout is not None  # noqa: S101 - it is a pipe
    first = child.stdout.readline()
    late.cancel()
    if not first:
        child.kill()
        child.wait()
        where = f"port {port} is used by another program" if port else "it ended at once"
        raise SandboxFailed(_("The sandbox could not be started: {where}.").format(where=where))
    _children.append(child)
    line: dict[str, Any] = json.loads(first)
    return line


def _reap() -> None:
    for child in list(_children):
        try:
            child.wait(timeout=ANSWERS_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        _children.remove(child)


def _record(line: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    """Write down where it is, allow exactly this host and port, and describe its providers."""
    host = line["url"].removeprefix("http://")
    about = {
        "url": line["url"],
        "control_url": line["control_url"],
        "port": int(host.rpartition(":")[2]),
        "is_wanted": True,
    }
    with transaction.atomic():
        InstallationSetting.objects.update_or_create(pk=SETTING, defaults={"value": about})
        InstallationSetting.objects.update_or_create(pk=ALLOWED_HOSTS_SETTING, defaults={"value": [host]})
        for name, key in KEYS.items():
            described = {"name": NAMES[name], "facts": facts(name, line, today=now.date()), "is_sandbox": True}
            CustomProvider.objects.update_or_create(key=key, defaults=described)
        _keep_app(line, actor=actor, now=now)
        audit.record("sandbox.started", actor=actor, details={"host": host})
        generation.bump()


def _keep_app(line: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    app = OAuthApp.objects.select_related("secret__current").filter(name=NAMES["hubspot"]).first()
    secret = Secret(line["client_secret"])
    if app is None:
        make_app(
            NAMES["hubspot"],
            KEYS["hubspot"],
            client_id=line["client_id"],
            client_secret=secret,
            actor=actor,
            made_on=now.date(),  # the sandbox has just made it
            required_scopes=list(line["required_scopes"]),
            optional_scopes=list(line["optional_scopes"]),
        )
        return
    if app.client_id != line["client_id"]:
        OAuthApp.objects.filter(pk=app.pk).update(client_id=line["client_id"])
    if app.secret is None or not vault.holds(app.secret, {"client_secret": secret}):
        replace_client_secret(app, secret, actor=actor, now=now, made_on=now.date())
