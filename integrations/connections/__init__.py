"""Connections: made, given a credential, tried, paused, disconnected."""

from integrations.connections.changing import StillUsed, delete, living_tokens, rename
from integrations.connections.credential import BadValue, check_values, connect_key, secret_policy, use_stored
from integrations.connections.making import create_connection, free_slug
from integrations.connections.probing import ProbeResult, probe, probe_due
from integrations.oauth.revoke import Revocation, disconnect, disconnect_all
from integrations.status import ConnectionChanged, pause, resume, set_status

__all__ = [
    "BadValue",
    "ConnectionChanged",
    "ProbeResult",
    "Revocation",
    "StillUsed",
    "check_values",
    "connect_key",
    "create_connection",
    "delete",
    "disconnect",
    "disconnect_all",
    "free_slug",
    "living_tokens",
    "pause",
    "probe",
    "probe_due",
    "rename",
    "resume",
    "secret_policy",
    "set_status",
    "use_stored",
]
