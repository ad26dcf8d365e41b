"""What the owner chose in Settings, and what the installation remembers about itself."""

from __future__ import annotations

from django.db import models


class InstallationSetting(models.Model):
    """One named value that is not secret. A secret setting is a StoredSecret of kind `system`."""

    key = models.CharField(primary_key=True, max_length=80)
    value = models.JSONField()
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.key
