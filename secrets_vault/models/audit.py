"""The book of openings: one hash chain per installation."""

from __future__ import annotations

from django.db import models

from secrets_vault.access import VisibleManager


class AuditEvent(models.Model):
    """One act. Rows are only added; a trigger refuses UPDATE and DELETE.

    `hash` covers the previous hash and the canonical JSON of all the other columns; `mac` is a keyed
    code over `hash`, since anyone with the database could recompute a plain chain. `details` holds
    ids, names, counts and codes: never a value, header, body, query string or upstream error text.
    """

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    action = models.CharField(max_length=60)
    actor_kind = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=160, blank=True)
    person_ref = models.CharField(max_length=32, blank=True)
    client_id = models.UUIDField(null=True)
    object_kind = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_label = models.CharField(max_length=160, blank=True)
    details = models.JSONField(default=dict)
    ciphertext_hash = models.CharField(max_length=64, blank=True)
    hash = models.BinaryField(max_length=32)
    mac = models.BinaryField(max_length=32)

    objects = VisibleManager("client_id")

    class Meta:
        ordering = ["-seq"]
        indexes = [
            models.Index(fields=["client_id", "-seq"]),
            models.Index(fields=["object_id", "-seq"]),
            models.Index(fields=["action", "-seq"]),
            models.Index(fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"


class AuditHead(models.Model):
    """The end of the chain, locked while an event is added."""

    singleton = models.BooleanField(primary_key=True, default=True)
    seq = models.BigIntegerField(default=0)
    hash = models.BinaryField(max_length=32)
    mac = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return str(self.seq)


class AuditPerson(models.Model):
    """Personal data that events refer to (address, e-mail), erasable without breaking the chain."""

    ref = models.CharField(primary_key=True, max_length=32)
    value = models.CharField(max_length=300)

    def __str__(self) -> str:
        return self.ref
