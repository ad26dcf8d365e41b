"""What the ground floor keeps: connections, tokens, calls, limits, webhooks, messages, and its own timetable."""

from integrations.models.alert import AlertEpisode, Message
from integrations.models.calendar import CalendarFeed
from integrations.models.call import Call, CallHour, ClientHour, ErrorGroup, LimitReading, TokenWindow
from integrations.models.connection import ClientLink, Connection, CustomProvider, OAuthApp, OAuthFlow
from integrations.models.handover import Handover
from integrations.models.link import LinkItem, LinkTemplate
from integrations.models.offboarding import Offboarding, OffboardingItem
from integrations.models.rotating import AutomaticRotation, SecretRotation
from integrations.models.sweep import Sweep
from integrations.models.token import GatewayToken, TrustedIssuer
from integrations.models.webhook import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookReplay,
    WebhookTarget,
)

__all__ = [
    "AlertEpisode",
    "AutomaticRotation",
    "CalendarFeed",
    "Call",
    "CallHour",
    "ClientHour",
    "ClientLink",
    "Connection",
    "CustomProvider",
    "ErrorGroup",
    "GatewayToken",
    "Handover",
    "LimitReading",
    "LinkItem",
    "LinkTemplate",
    "Message",
    "OAuthApp",
    "OAuthFlow",
    "Offboarding",
    "OffboardingItem",
    "SecretRotation",
    "Sweep",
    "TokenWindow",
    "TrustedIssuer",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "WebhookReplay",
    "WebhookTarget",
]
