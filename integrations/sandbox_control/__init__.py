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

__all__ = ["TROUBLES", "SandboxFailed", "Status", "Trouble", "keep_running", "start", "status", "stop", "trouble"]
