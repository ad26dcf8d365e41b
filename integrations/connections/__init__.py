"""Connections: made, given a credential, tried, paused, disconnected."""

from integrations.connections.changing import StillUsed, confirm_account, delete, living_tokens, rename
from integrations.connections.choosing import NoSuchChoice, choose, look
from integrations.connections.credential import BadValue, check_values, connect_key, secret_policy, use_stored
from integrations.connections.making import create_connection, free_slug
from integrations.connections.probing import ProbeResult, probe, probe_due
from integrations.connections.versions import VersionRefused, pin, take_back
from integrations.oauth.revoke import Revocation, disconnect, disconnect_all
from integrations.status import ConnectionChanged, pause, resume, set_status

__all__ = [
    "BadValue",
    "ConnectionChanged",
    "NoSuchChoice",
    "ProbeResult",
    "Revocation",
    "StillUsed",
    "VersionRefused",
    "check_values",
    "choose",
    "confirm_account",
    "connect_key",
    "create_connection",
    "delete",
    "disconnect",
    "disconnect_all",
    "free_slug",
    "living_tokens",
    "look",
    "pause",
    "pin",
    "probe",
    "probe_due",
    "rename",
    "resume",
    "secret_policy",
    "set_status",
    "take_back",
    "use_stored",
]
