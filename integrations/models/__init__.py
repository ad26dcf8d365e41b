"""What the ground floor keeps: connections, tokens, calls, limits, messages, and its own timetable."""

from integrations.models.alert import AlertEpisode, Message
from integrations.models.call import Call, CallHour, ErrorGroup, LimitReading, TokenWindow
from integrations.models.connection import ClientLink, Connection, CustomProvider, OAuthApp, OAuthFlow
from integrations.models.sweep import Sweep
from integrations.models.token import GatewayToken

__all__ = [
    "AlertEpisode",
    "Call",
    "CallHour",
    "ClientLink",
    "Connection",
    "CustomProvider",
    "ErrorGroup",
    "GatewayToken",
    "LimitReading",
    "Message",
    "OAuthApp",
    "OAuthFlow",
    "Sweep",
    "TokenWindow",
]
