"""Registers the upper floor."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """The upper floor: the pages a consultant looks at."""

    name = "dashboard"
