"""Wires the floors together once Django has loaded them."""

from django.apps import AppConfig


class ConfigApp(AppConfig):
    """The fuse box."""

    name = "config"

    def ready(self) -> None:
        """Make the Celery app the one that tasks belong to, in every process that may ring a doorbell."""
        from config import celery  # noqa: F401
