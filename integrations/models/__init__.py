"""What the ground floor keeps: connections, tokens, calls, limits, webhooks, messages, and its own timetable."""

from integrations.models.alert import AlertEpisode, Message
from integrations.models.alert_route import AlertDelivery, AlertHours, AlertRoute, CallWatch
from integrations.models.api import ApiReceipt, ApiToken
from integrations.models.calendar import CalendarFeed
from integrations.models.call import Call, CallAgain, CallHour, ClientHour, ErrorGroup, LimitReading, TokenWindow
from integrations.models.connection import ClientLink, Connection, CustomProvider, OAuthApp, OAuthFlow
from integrations.models.handover import Handover
from integrations.models.held import HeldCall, HeldLane, HeldRun
from integrations.models.ledger import SharedState
from integrations.models.link import LinkItem, LinkTemplate
from integrations.models.offboarding import Offboarding, OffboardingItem
from integrations.models.outage import Outage
from integrations.models.rotating import AutomaticRotation, SecretRotation
from integrations.models.stored_answer import StoredAnswer
from integrations.models.sweep import Sweep
from integrations.models.token import GatewayToken, TrustedIssuer
from integrations.models.usage import Budget, CallDay, CallMinute, ModelPrice, PathHour, SpendDay
from integrations.models.webhook import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookReplay,
    WebhookTarget,
)

__all__ = [
    "AlertDelivery",
    "AlertEpisode",
    "AlertHours",
    "AlertRoute",
    "ApiReceipt",
    "ApiToken",
    "AutomaticRotation",
    "Budget",
    "CalendarFeed",
    "Call",
    "CallAgain",
    "CallDay",
    "CallHour",
    "CallMinute",
    "CallWatch",
    "ClientHour",
    "ClientLink",
    "Connection",
    "CustomProvider",
    "ErrorGroup",
    "GatewayToken",
    "Handover",
    "HeldCall",
    "HeldLane",
    "HeldRun",
    "LimitReading",
    "LinkItem",
    "LinkTemplate",
    "Message",
    "ModelPrice",
    "OAuthApp",
    "OAuthFlow",
    "Offboarding",
    "OffboardingItem",
    "Outage",
    "PathHour",
    "SecretRotation",
    "SharedState",
    "SpendDay",
    "StoredAnswer",
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
