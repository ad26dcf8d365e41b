"""Registers the ground floor."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class IntegrationsConfig(AppConfig):
    """The ground floor: everything that talks to another system, outward or inward."""

    name = "integrations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Follow the vault: a signing secret that is replaced goes on counting. Say what else is to be examined."""
        from integrations.alerts.routes import sealing as alert_routes
        from integrations.call_log.search.indexing import after_migrate
        from integrations.connections import examining as credentials
        from integrations.handover import examining as handovers
        from integrations.links import link
        from integrations.webhooks import examining, rolling  # noqa: F401  its receiver enters itself
        from secrets_vault import doctor, row_checks

        if handovers.sealed_rows not in row_checks.SEALED_ELSEWHERE:
            row_checks.SEALED_ELSEWHERE += [handovers.sealed_rows, alert_routes.sealed_rows]
        if examining.sealed_rows not in row_checks.SEALED_ELSEWHERE:
            row_checks.SEALED_ELSEWHERE += [examining.sealed_rows, link.sealed_rows]
            doctor.NEED_THE_KEYS += [credentials.credentials_are_whole, examining.endpoints_are_whole]
        post_migrate.connect(after_migrate, sender=self)
