"""What a manager decides about a connection's address: which account it is for, which API version its calls name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboard.pages.connection.finding import CHANGED, back_to, manageable_connection
from dashboard.render import PageRequest, actor_of
from integrations import connections
from integrations.connections import ConnectionChanged, NoSuchChoice, VersionRefused
from integrations.connections.versions import THEIRS, version_of
from integrations.errors import IntegrationError
from integrations.providers.registry import get_provider
from secrets_vault.errors import VaultError

if TYPE_CHECKING:
    from django.http import HttpResponse

    from integrations.models import Connection
    from integrations.providers.shape import Provider


@dataclass(frozen=True)
class Choice:
    """One of the accounts that the credential reaches."""

    id: str
    name: str
    note: str
    is_used: bool
    is_default: bool


@dataclass(frozen=True)
class Pinned:
    """The version that calls name, those that may be chosen, and the one before."""

    now: str
    known: tuple[str, ...]
    newer: tuple[str, ...]
    before: str
    example: str
    can_be_theirs: bool

    @property
    def is_theirs(self) -> bool:
        """Tell whether no version is sent."""
        return self.now == THEIRS


def choices_of(connection: Connection) -> list[Choice]:
    """Return what the provider listed, the one in use marked."""
    used = connection.variables
    return [
        Choice(
            each["id"],
            each["name"],
            each["note"],
            is_used=each["variables"].items() <= used.items(),
            is_default=each["is_default"],
        )
        for each in connection.choices
    ]


def pinned_of(connection: Connection, provider: Provider) -> Pinned | None:
    """Return the version that the connection is pinned to; None where a call can name none."""
    facts = provider.versions
    if facts is None:
        return None
    now = version_of(connection, facts)
    return Pinned(
        now=now,
        known=tuple(version for version in facts.known if version != now),
        newer=facts.newer_than(now) if now in facts.known else (),
        before=connection.version_before,
        example=facts.default or next(iter(facts.known), ""),
        can_be_theirs=bool(facts.header) and not facts.default and now != THEIRS,
    )


@login_required
@require_POST
def choose(request: PageRequest, slug: str) -> HttpResponse:
    """Use one of the accounts that the provider listed, and try it at once."""
    connection = manageable_connection(request, slug)
    try:
        connections.choose(connection, request.POST.get("account", ""), actor=actor_of(request), now=timezone.now())
    except NoSuchChoice:
        messages.error(request, _("Nothing was changed: choose one of those listed."))
    except ConnectionChanged:
        messages.error(request, CHANGED)
    except (IntegrationError, VaultError) as refused:
        messages.error(request, str(refused))
    else:
        result = connections.probe(connection, actor=actor_of(request))
        say = messages.success if result.is_good else messages.warning
        say(request, _("Chosen. {sentence}").format(sentence=result.sentence))
    return back_to(connection)


@login_required
@require_POST
def look(request: PageRequest, slug: str) -> HttpResponse:
    """Ask the provider again what the credential reaches."""
    connection = manageable_connection(request, slug)
    try:
        found = connections.look(connection, actor=actor_of(request), now=timezone.now())
    except ConnectionChanged:
        messages.error(request, CHANGED)
    except (IntegrationError, VaultError):
        messages.error(request, _("The provider could not be asked just now. Nothing was changed."))
    else:
        name = get_provider(connection.provider_key).name
        say = messages.success if found else messages.warning
        none = _("{name} listed nothing that this credential reaches.").format(name=name)
        say(request, _("{name} listed it again: {n}.").format(name=name, n=len(found)) if found else none)
    return back_to(connection)


@login_required
@require_POST
def version(request: PageRequest, slug: str) -> HttpResponse:
    """Pin another API version, once it was tried."""
    connection = manageable_connection(request, slug)
    wanted = request.POST.get("version", "").strip()[:60]
    return _pinned(request, connection, lambda **how: connections.pin(connection, wanted, **how))


@login_required
@require_POST
def version_back(request: PageRequest, slug: str) -> HttpResponse:
    """Pin the version before this one again."""
    connection = manageable_connection(request, slug)
    return _pinned(request, connection, lambda **how: connections.take_back(connection, **how))


def _pinned(request: PageRequest, connection: Connection, act: Callable[..., str]) -> HttpResponse:
    try:
        sentence = act(actor=actor_of(request), now=timezone.now())
    except VersionRefused as refused:
        messages.error(request, str(refused))
    except ConnectionChanged:
        messages.error(request, CHANGED)
    except (IntegrationError, VaultError) as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("The version is changed. {sentence}").format(sentence=sentence))
    return back_to(connection)
