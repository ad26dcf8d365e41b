"""The sandbox behind a button: started, described as providers, put into trouble, stopped."""

from integrations.sandbox_control.running import (
    TROUBLES,
    SandboxFailed,
    Status,
    Trouble,
    keep_running,
    start,
    status,
    stop,
    trouble,
)
from integrations.sandbox_control.webhooks import HOOKS, Hook, send

__all__ = [
    "HOOKS",
    "TROUBLES",
    "Hook",
    "SandboxFailed",
    "Status",
    "Trouble",
    "keep_running",
    "send",
    "start",
    "status",
    "stop",
    "trouble",
]
