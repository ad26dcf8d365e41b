"""What the book's actions mean, in plain words. The book keeps their short names; pages say these."""

from __future__ import annotations

from typing import Any

WORDS = {
    "backup.made": "Made a backup",
    "backup.restored": "Restored a backup",
    "client.archived": "Archived the client",
    "client.changed": "Changed the client",
    "client.created": "Added the client",
    "client.environment_added": "Added an environment",
    "client.unarchived": "Brought the client back",
    "connection.app_chosen": "Chose the OAuth app",
    "connection.changed": "Changed the slow-down line",
    "connection.connected": "Connected",
    "connection.consent_started": "Began a consent",
    "connection.created": "Made the connection",
    "connection.credential_stored": "Stored a credential",
    "connection.deleted": "Deleted the connection",
    "connection.disconnected": "Disconnected",
    "connection.excess_scopes": "Was given more rights than asked for",
    "connection.failing": "Tried it: it fails",
    "connection.needs_reconnecting": "Needs reconnecting",
    "connection.other_account": "Refused: it was another account",
    "connection.paused": "Paused",
    "connection.refreshed": "Renewed the access",
    "connection.renamed": "Renamed",
    "connection.resumed": "Resumed",
    "connection.test_call": "Sent a test call",
    "connection.untested": "Not tested since",
    "connection.works": "Tried it: it works",
    "demo.made": "Made the demo",
    "demo.removed": "Took the demo away",
    "environment.created": "Added an environment",
    "error.reopened": "Reopened an error",
    "error.resolved": "Resolved an error",
    "error.settling_undone": "Put an error back as it was",
    "error.snoozed": "Snoozed an error",
    "export.made": "Downloaded a list",
    "factor.added": "Added a second factor",
    "factor.removed": "Removed a second factor",
    "link.made": "Made a connect link",
    "link.opened": "Opened a connect link",
    "link.revoked": "Revoked a connect link",
    "link.used": "Used a connect link",
    "login.ended": "Signed out",
    "login.failed": "Failed to sign in",
    "login.ok": "Signed in",
    "oauth_app.broken": "The provider refuses the OAuth app",
    "oauth_app.changed": "Changed an OAuth app",
    "oauth_app.made": "Added an OAuth app",
    "oauth_app.mended": "The OAuth app is accepted again",
    "oauth_app.works": "The OAuth app works again",
    "provider.described": "Described a provider",
    "provider.forgotten": "Deleted a described provider",
    "recovery_kit.shown": "Looked at the recovery kit",
    "rotation.rules_changed": "Changed the rotation rules",
    "rotation.snoozed": "Put a rotation off",
    "rotation.woken": "Ended a put-off of a rotation",
    "sandbox.started": "Started the sandbox",
    "sandbox.stopped": "Stopped the sandbox",
    "sandbox.trouble": "Changed the sandbox's trouble",
    "secret.bound": "Changed where the secret may go",
    "secret.changed": "Changed the secret's details",
    "secret.copied": "Copied the value",
    "secret.deleted": "Deleted the secret",
    "secret.destroyed": "Destroyed the secret for good",
    "secret.forgotten": "Forgot old versions",
    "secret.promoted": "Made a version the current one",
    "secret.replaced": "Stored a new version",
    "secret.restored": "Went back to an older version",
    "secret.retired": "Put a version aside",
    "secret.revealed": "Looked at the value",
    "secret.stored": "Stored the secret",
    "secret.undeleted": "Brought the secret back",
    "secret.used_first": "First used by the gateway",
    "secret.verified": "The new version works",
    "token.changed": "Changed a gateway token",
    "token.made": "Made a gateway token",
    "token.revoked": "Revoked a gateway token",
    "token.rolled": "Rolled a gateway token",
    "user.changed": "Changed a profile",
    "user.owner_made": "Made the owner's account",
    "vault.made": "Made the vault",
}

AREAS = {
    "secret": "Secrets",
    "connection": "Connections",
    "token": "Gateway tokens",
    "link": "Connect links",
    "oauth_app": "OAuth apps",
    "provider": "Providers",
    "error": "Errors",
    "rotation": "Rotations",
    "client": "Clients",
    "login": "Signing in",
    "factor": "Second factors",
    "user": "People",
    "export": "Downloads",
    "backup": "Backups",
    "sandbox": "Sandbox and demo",
}
_TOGETHER = {"sandbox": ("sandbox", "demo"), "client": ("client", "environment"), "backup": ("backup", "recovery_kit")}
_PLAIN = {None: "none", True: "yes", False: "no"}


def prefixes_of(area: str) -> tuple[str, ...]:
    """Return what the actions of an area begin with."""
    return tuple(f"{name}." for name in _TOGETHER.get(area, (area,)))


def words_of(action: str) -> str:
    """Return what an action says on a page; one from a newer version is shown as the book spells it."""
    return WORDS.get(action) or action.replace(".", ", ").replace("_", " ")


def actions_saying(text: str) -> list[str]:
    """Return the actions whose words contain the text."""
    return [action for action, words in WORDS.items() if text.lower() in words.lower()]


def detail_words(value: Any) -> str:
    """Return a detail of an event as a person reads it: what was and is, lists with commas, none for nothing."""
    if isinstance(value, dict) and set(value) == {"old", "new"}:
        return f"{detail_words(value['old'])} → {detail_words(value['new'])}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {detail_words(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(detail_words(one) for one in value) or "none"
    return _PLAIN.get(value, str(value)) if value is None or isinstance(value, bool) else str(value)
