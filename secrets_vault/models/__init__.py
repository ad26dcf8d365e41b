"""What the cellar holds: people, clients, locked boxes, their keys, and the book of openings."""

from secrets_vault.models.audit import AuditEvent, AuditHead, AuditPerson
from secrets_vault.models.clients import Client, Environment, Membership
from secrets_vault.models.keys import Installation, KeySlot, KeyTerm
from secrets_vault.models.people import LoginAttempt, Session, User
from secrets_vault.models.secrets import SecretField, SecretVersion, StoredSecret
from secrets_vault.models.settings import InstallationSetting

__all__ = [
    "AuditEvent",
    "AuditHead",
    "AuditPerson",
    "Client",
    "Environment",
    "Installation",
    "InstallationSetting",
    "KeySlot",
    "KeyTerm",
    "LoginAttempt",
    "Membership",
    "SecretField",
    "SecretVersion",
    "Session",
    "StoredSecret",
    "User",
]
