"""A file of another program: read, looked over row by row, then stored."""

from dashboard.pages.vault.importing.running import run
from dashboard.pages.vault.importing.views import drop, paste, preview

__all__ = ["drop", "paste", "preview", "run"]
