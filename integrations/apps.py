"""Registers the ground floor."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """The ground floor: everything that talks to another system, outward or inward."""

    name = "integrations"
    default_auto_field = "django.db.models.BigAutoField"
