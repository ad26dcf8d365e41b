"""A file of another program: read, looked over row by row, then stored at once."""

from dashboard.pages.vault.importing.views import drop, paste, preview

__all__ = ["drop", "paste", "preview"]
