"""What can go wrong in the cellar, one class per thing a caller can do about it.

No message holds a value. `code` is stable; `exit_code` is what a command ends with (`contract.md`).
"""

from __future__ import annotations

from typing import ClassVar


class VaultError(Exception):
    """The base of this floor's errors. `str(error)` is a sentence that may be shown."""

    code: ClassVar[str] = "vault_error"
    exit_code: ClassVar[int] = 1


class WrongWrappingKey(VaultError):
    """The wrapping key is missing, malformed, an example, or another installation's. Supply the right one."""

    code = "wrong_wrapping_key"
    exit_code = 3


class VaultLocked(VaultError):
    """There are no keys yet: `keys.initialise()` has not run against this database."""

    code = "vault_locked"
    exit_code = 3


class Unreadable(VaultError):
    """A stored value does not open. It is left as it is; store the value again or restore a backup."""

    code = "unreadable"


class PolicyRefused(VaultError):
    """The secret may not be sent to this host or in this place."""

    code = "host_refused"


class AuditUnavailable(VaultError):
    """The book could not be written, so the act was refused."""

    code = "audit_unavailable"


class StaleVersion(VaultError):
    """Somebody else stored a newer version meanwhile. Read again, then decide."""

    code = "stale_version"


class NoValue(VaultError):
    """There is nothing to open: kept elsewhere, deleted, destroyed, or no such field or version."""

    code = "no_value"


class BadInput(VaultError):
    """What was handed in cannot be stored or read. The sentence says why."""

    code = "bad_input"
    exit_code = 2


class BackupRefused(VaultError):
    """A backup cannot be read or must not be restored here. Nothing was written."""

    code = "backup_refused"
