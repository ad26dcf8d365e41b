"""Registers the cellar."""

from django.apps import AppConfig


class SecretsVaultConfig(AppConfig):
    """The cellar: whose secrets we hold, the locked boxes, who may open them, and the book of openings."""

    name = "secrets_vault"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the signals that write the book."""
        from secrets_vault.people import signals  # noqa: F401
