"""Backup and restore: one encrypted file, checked before it is trusted."""

from secrets_vault.backup.archive import Lock
from secrets_vault.backup.restore import Restored, restore_backup
from secrets_vault.backup.write import Manifest, write_backup

__all__ = ["Lock", "Manifest", "Restored", "restore_backup", "write_backup"]
