"""What can be picked on the way to a new connection: a place, a provider, a way in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.pages.connecting.ways import ASK, LINK, NOW, Way, grant_ways
from integrations.models import Connection
from integrations.oauth.app import usable_apps
from integrations.providers.described import described_for
from integrations.providers.injection import SIGNED
from integrations.providers.registry import ProviderNotFound, all_providers, get_provider, guess_by_value, search
from integrations.providers.shape import CONFIDENCE
from secrets_vault.models import Environment
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integrations.models import OAuthApp
    from integrations.providers.shape import Provider
    from secrets_vault.models import Client, User

BADGES = {
    "oauth2": "OAuth",
    "client_credentials": "OAuth",
    "jwt_bearer": "JWT",
    "key_exchange": gettext_lazy("key"),
    "api_key": gettext_lazy("key"),
    "bearer": gettext_lazy("key"),
    "basic": "Basic",
}
KEY_KINDS = ("api_key", "bearer", "basic")
STEPS = (
    gettext_lazy("Client"),
    gettext_lazy("Service"),
    gettext_lazy("Way in"),
    gettext_lazy("Rights"),
    gettext_lazy("Connect"),
)
RECENT = 6
MOST_TILES = 60
"""How many services the picker shows before somebody searches or asks for all."""
MOST_WANTED = frozenset({
    "activecampaign", "airtable", "anthropic", "asana", "brevo", "calendly", "clickup", "discord", "dropbox",
    "figma", "freshdesk", "github", "gmail", "google_ads", "google_analytics", "google_calendar", "google_drive",
    "google_gemini", "google_sheets", "highlevel", "hubspot", "intercom", "jira", "klaviyo", "linear", "linkedin",
    "mailchimp", "make", "meta", "microsoft_graph", "microsoft_teams", "monday", "notion", "openai", "outlook",
    "paypal", "pipedrive", "postmark", "quickbooks", "salesforce", "sendgrid", "shopify", "slack", "square",
    "stripe", "supabase", "telegram_bot", "todoist", "trello", "twilio", "typeform", "webflow", "whatsapp_cloud",
    "woocommerce", "wordpress_self", "xero", "youtube", "zendesk", "zoho", "zoom",
})  # fmt: skip
"""What integration consultants connect most often: shown first, before anything was connected here."""


@dataclass(frozen=True)
class Tile:
    """One provider in the picker. `reason` says why it cannot be picked yet."""

    provider: Provider
    badges: tuple[str, ...]
    is_recent: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Step:
    """A step in the bar above the page."""

    name: str
    is_done: bool
    is_current: bool


def steps(current: int, *, is_pasted: bool = False) -> list[Step]:
    """Return the bar with step number `current` (from 0) lit."""
    names = [*STEPS[:3], _("Credential"), _("Test call")] if is_pasted else STEPS
    return [Step(str(name), at < current, at == current) for at, name in enumerate(names)]


def find_place(user: User, pk: str) -> Environment | None:
    """Return an environment that this person may add to, or None for anything else."""
    try:
        key = UUID(pk)
    except ValueError:
        return None
    rows = Environment.objects.manageable_by(user).filter(pk=key, client__archived_at=None)
    place: Environment | None = rows.select_related("client").first()
    return place


def find_provider(key: str, client: Client) -> Provider | None:
    """Return a provider that this client can be connected to."""
    if key.startswith("custom-") and key not in {provider.key for provider in described_for(client)}:
        return None
    try:
        return get_provider(key) if key else None
    except ProviderNotFound:
        return None


def tiles_for(user: User, client: Client, *, text: str = "", shows_all: bool = False) -> list[Tile]:
    """Return the providers that fit a text (a name, an API address, a pasted key), recently used ones first.

    Without a text: those used lately, the client's own, and the best known ones of the catalogue, or all.
    """
    described = described_for(client)
    recent = _recent(user)
    if text.strip():
        return [_tile(provider, recent) for provider in search(text, among=[*described, *all_providers()])]
    wanted = [*described, *all_providers()]
    if not shows_all:
        own = {*recent, *(provider.key for provider in described)}
        best = sorted(wanted, key=lambda provider: (provider.key not in own, *_renown(provider)))
        wanted = [provider for provider in best if provider.is_offered][:MOST_TILES]
    rank = {key: at for at, key in enumerate(recent)}
    wanted.sort(key=lambda provider: (rank.get(provider.key, RECENT), provider.name.lower()))
    return [_tile(provider, recent) for provider in wanted]


def _tile(provider: Provider, recent: list[str]) -> Tile:
    reason = "" if provider.is_offered else " ".join(_(way.why) for way in provider.not_yet)
    return Tile(provider, badges_of(provider), provider.key in recent, reason)


def _renown(provider: Provider) -> tuple[bool, int, str]:
    """Return how far back a service stands: what is wanted most first, then what its vendor confirms."""
    return provider.key not in MOST_WANTED, CONFIDENCE.index(provider.confidence), provider.name.lower()


def recognised(text: str) -> list[str]:
    """Return what a pasted text looks like, a sentence for each provider whose credential has this shape."""
    if not text.strip() or " " in text.strip():
        return []
    return [
        _("This looks like {name}: {words}.").format(name=get_provider(guess.provider_key).name, words=_(guess.words))
        for guess in guess_by_value(Secret(text))
    ]


def _recent(user: User) -> list[str]:
    rows = Connection.objects.visible_to(user).order_by("-pk").values_list("provider_key", flat=True)[:60]
    return list(dict.fromkeys(rows))[:RECENT]


def badges_of(provider: Provider) -> tuple[str, ...]:
    """Return how one gets in, in a word each."""
    return tuple(dict.fromkeys(str(BADGES[kind]) for kind in reversed(provider.kinds)))


def as_api_url(text: str) -> str:
    """Return a typed address without what may be secret in it (user, query, fragment); "" for anything else."""
    wanted = text.strip()
    try:
        parts = urlsplit(wanted if "//" in wanted else f"https://{wanted}")
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    if " " in wanted or "." not in host or parts.scheme not in ("http", "https"):
        return ""
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}" if "//" in wanted or "/" in wanted else ""


def key_kinds(provider: Provider) -> list[str]:
    """Return the kinds that can be pasted; two that go into the same slot in the same way are one."""
    seen, kinds = set(), []
    for kind in KEY_KINDS:
        injection = provider.injections.get(kind)
        if injection is not None and injection not in seen:
            seen.add(injection)
            kinds.append(kind)
    return kinds


def ways_for(provider: Provider, apps: Iterable[OAuthApp]) -> list[Way]:
    """Return the ways into a provider, the recommended one first."""
    has_app = bool(list(apps))
    ways = []
    if "oauth2" in provider.kinds:
        ways = [
            Way(
                LINK,
                _("Send the client a connect link"),
                _(
                    "They sign in at {name} themselves. You never see a password. Single use, expires, and "
                    "you see when it is done."
                ).format(name=provider.name),
                is_recommended=True,
                is_ready=has_app,
            ),
            Way(
                NOW,
                _("Connect now in this browser"),
                _(
                    "When you can sign in to the client's {name} yourself. The {words} is checked before "
                    "anything is saved."
                ).format(name=provider.name, words=_(provider.identity.words)),
                is_ready=has_app,
            ),
        ]
    ways += grant_ways(provider, has_app=has_app)
    kinds = key_kinds(provider)
    return ways + [_ask(provider, kind) for kind in kinds[:1]] + [_paste(provider, kind) for kind in kinds]


def _ask(provider: Provider, kind: str) -> Way:
    text = _(
        "One link, no account: steps to follow, one field, tested as it arrives. You never see the value, and it "
        "never travels by mail."
    )
    return Way(f"{ASK}{kind}", _("Ask the client for it"), text, is_recommended=provider.oauth is None)


def _paste(provider: Provider, kind: str) -> Way:
    title, text = _("Paste a token or key I have"), _usual(provider)
    if kind == "basic":
        title, text = _("Paste a user name and password"), _("Sent as Basic authentication.")
        if provider.injections[kind].in_ in SIGNED:
            text = _("Each call is signed with them; the secrets themselves are not sent.")
    asked = [field for field in provider.fields_of(kind) if not field.is_optional]
    if len(asked) > 1 and provider.credential_fields:
        title = _("Paste two values: {first} and {second}").format(first=_(asked[0].words), second=_(asked[1].words))
    if len(asked) > 2:
        named = ", ".join(_(field.words) for field in asked)
        title = _("Paste {n} values: {names}").format(n=len(asked), names=named)
    return Way(
        kind,
        title,
        _("{text} Checked with one harmless call, then shown only as its last four characters.").format(text=text),
    )


def _usual(provider: Provider) -> str:
    usual = [shape for shape in provider.key_formats if shape.kind in KEY_KINDS and not shape.is_dead]
    words = [_(shape.words) for shape in usual if shape.is_secret and not shape.field]
    return (
        _("For example a {what}.").format(what=words[0])
        if words
        else _("What {name} gave you.").format(name=provider.name)
    )


def apps_for(provider: Provider, client: Client) -> list[OAuthApp]:
    """Return the OAuth apps that a connection of this client can use, the client's own first."""
    return usable_apps(provider.key, client) if provider.oauth else []
