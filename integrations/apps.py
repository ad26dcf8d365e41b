"""Registers the ground floor."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """The ground floor: everything that talks to another system, outward or inward."""

    name = "integrations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Follow the vault: a signing secret that is replaced goes on counting for a while."""
        from integrations.webhooks import rolling  # noqa: F401  its receiver enters itself
