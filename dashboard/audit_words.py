"""What the book's actions mean, in plain words. The book keeps their short names; pages say these."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from secrets_vault.actor import COMMAND

WORDS = {
    "backup.made": gettext_lazy("Made a backup"),
    "backup.restored": gettext_lazy("Restored a backup"),
    "calendar.ended": gettext_lazy("Ended a calendar address"),
    "calendar.made": gettext_lazy("Made a calendar address"),
    "client.archived": gettext_lazy("Archived the client"),
    "client.changed": gettext_lazy("Changed the client"),
    "client.created": gettext_lazy("Added the client"),
    "client.environment_added": gettext_lazy("Added an environment"),
    "client.shredded": gettext_lazy("Destroyed the client's keys"),
    "client.unarchived": gettext_lazy("Brought the client back"),
    "connection.account_confirmed": gettext_lazy("Confirmed whose account a connection is"),
    "connection.account_unconfirmed": gettext_lazy("Connected without hearing whose account it is"),
    "connection.account_chosen": gettext_lazy("Chose which account it is for"),
    "connection.app_chosen": gettext_lazy("Chose the OAuth app"),
    "connection.changed": gettext_lazy("Changed the slow-down line"),
    "connection.connected": gettext_lazy("Connected"),
    "connection.consent_started": gettext_lazy("Began a consent"),
    "connection.created": gettext_lazy("Made the connection"),
    "connection.credential_stored": gettext_lazy("Stored a credential"),
    "connection.deleted": gettext_lazy("Deleted the connection"),
    "connection.disconnected": gettext_lazy("Disconnected"),
    "connection.excess_scopes": gettext_lazy("Was given more rights than asked for"),
    "connection.failing": gettext_lazy("Tried it: it fails"),
    "connection.needs_reconnecting": gettext_lazy("Needs reconnecting"),
    "connection.other_account": gettext_lazy("Refused: it was another account"),
    "connection.paused": gettext_lazy("Paused"),
    "connection.refreshed": gettext_lazy("Renewed the access"),
    "connection.renamed": gettext_lazy("Renamed"),
    "connection.resumed": gettext_lazy("Resumed"),
    "connection.probe_schedule": gettext_lazy("Changed how often it is tried"),
    "connection.sunset_settled": gettext_lazy("Dealt with a change of the provider"),
    "connection.test_call": gettext_lazy("Sent a test call"),
    "connection.untested": gettext_lazy("Not tested since"),
    "connection.version_pinned": gettext_lazy("Changed the API version"),
    "connection.works": gettext_lazy("Tried it: it works"),
    "demo.made": gettext_lazy("Made the demo"),
    "demo.removed": gettext_lazy("Took the demo away"),
    "environment.created": gettext_lazy("Added an environment"),
    "environment.run": gettext_lazy("Ran a program with an environment's values"),
    "error.reopened": gettext_lazy("Reopened an error"),
    "error.resolved": gettext_lazy("Resolved an error"),
    "error.settling_undone": gettext_lazy("Put an error back as it was"),
    "error.snoozed": gettext_lazy("Snoozed an error"),
    "export.made": gettext_lazy("Downloaded a list"),
    "factor.added": gettext_lazy("Added a second factor"),
    "factor.removed": gettext_lazy("Removed a second factor"),
    "handover.burnt": gettext_lazy("Burnt a one-time link: too many wrong tries"),
    "handover.code_not_sent": gettext_lazy("Could not mail a code for a one-time link"),
    "handover.code_sent": gettext_lazy("Was mailed a code for a one-time link"),
    "handover.expired": gettext_lazy("Let a one-time link expire"),
    "handover.made": gettext_lazy("Made a one-time link"),
    "handover.opened": gettext_lazy("Opened a one-time link"),
    "handover.read": gettext_lazy("Read a one-time link"),
    "handover.revoked": gettext_lazy("Revoked a one-time link"),
    "handover.wrong_try": gettext_lazy("Typed something wrong at a one-time link"),
    "link.address_mended": gettext_lazy("Corrected an address on a link"),
    "link.item_done": gettext_lazy("Handed over by a link"),
    "link.made": gettext_lazy("Made a link for a client"),
    "link.nudged": gettext_lazy("Reminded a client of a link"),
    "link.opened": gettext_lazy("Opened a link for a client"),
    "link.renewed": gettext_lazy("Gave a link a new address"),
    "link.revoked": gettext_lazy("Revoked a link for a client"),
    "link.used": gettext_lazy("Used up a link for a client"),
    "link_template.changed": gettext_lazy("Changed a template of requests"),
    "link_template.deleted": gettext_lazy("Deleted a template of requests"),
    "link_template.made": gettext_lazy("Made a template of requests"),
    "login.ended": gettext_lazy("Signed out"),
    "login.failed": gettext_lazy("Failed to sign in"),
    "login.ok": gettext_lazy("Signed in"),
    "oauth_app.broken": gettext_lazy("The provider refuses the OAuth app"),
    "oauth_app.changed": gettext_lazy("Changed an OAuth app"),
    "oauth_app.made": gettext_lazy("Added an OAuth app"),
    "oauth_app.mended": gettext_lazy("The OAuth app is accepted again"),
    "oauth_app.works": gettext_lazy("The OAuth app works again"),
    "offboarding.begun": gettext_lazy("Began to off-board the client"),
    "offboarding.cancelled": gettext_lazy("Gave up the off-boarding"),
    "offboarding.done": gettext_lazy("Finished the off-boarding and signed the certificate"),
    "offboarding.exported": gettext_lazy("Downloaded what the client is given"),
    "offboarding.revoked": gettext_lazy("Ended the client's access"),
    "offboarding.revoking": gettext_lazy("Began to end the client's access"),
    "offboarding.settled": gettext_lazy("Noted what came of ending an access"),
    "offboarding.shred_asked": gettext_lazy("Asked for the client's keys to be destroyed"),
    "offboarding.shred_undone": gettext_lazy("Took the destruction of the client's keys back"),
    "provider.described": gettext_lazy("Described a provider"),
    "provider.forgotten": gettext_lazy("Deleted a described provider"),
    "recovery_kit.shown": gettext_lazy("Looked at the recovery kit"),
    "rotation.automatic_off": gettext_lazy("Switched automatic rotation off"),
    "rotation.automatic_on": gettext_lazy("Switched automatic rotation on"),
    "rotation.done": gettext_lazy("Ended a rotation: the old one is dead"),
    "rotation.fell_back": gettext_lazy("Fell back to the old one: the new one was refused"),
    "rotation.given_up": gettext_lazy("Gave a rotation up"),
    "rotation.proved": gettext_lazy("Tried the old one, which must be refused"),
    "rotation.revoked": gettext_lazy("Said that the old one is revoked"),
    "rotation.rules_changed": gettext_lazy("Changed the rotation rules"),
    "rotation.snoozed": gettext_lazy("Put a rotation off"),
    "rotation.started": gettext_lazy("Began a rotation"),
    "rotation.stored": gettext_lazy("Stored the new one of a rotation"),
    "rotation.switched": gettext_lazy("Switched to the new one"),
    "rotation.tried": gettext_lazy("Tried the new one of a rotation"),
    "rotation.undone": gettext_lazy("Undid a rotation"),
    "rotation.woken": gettext_lazy("Ended a put-off of a rotation"),
    "sandbox.started": gettext_lazy("Started the sandbox"),
    "sandbox.stopped": gettext_lazy("Stopped the sandbox"),
    "sandbox.trouble": gettext_lazy("Changed the sandbox's trouble"),
    "sandbox.webhook": gettext_lazy("Let the sandbox send webhooks"),
    "secret.bound": gettext_lazy("Changed where the secret may go"),
    "secret.end_told": gettext_lazy("The provider said when it ends"),
    "secret.changed": gettext_lazy("Changed the secret's details"),
    "secret.copied": gettext_lazy("Copied the value"),
    "secret.deleted": gettext_lazy("Deleted the secret"),
    "secret.destroyed": gettext_lazy("Destroyed the secret for good"),
    "secret.handed_out": gettext_lazy("Handed the value out by a one-time link"),
    "secret.forgotten": gettext_lazy("Forgot old versions"),
    "secret.promoted": gettext_lazy("Made a version the current one"),
    "secret.replaced": gettext_lazy("Stored a new version"),
    "secret.restored": gettext_lazy("Went back to an older version"),
    "secret.retired": gettext_lazy("Put a version aside"),
    "secret.revealed": gettext_lazy("Looked at the value"),
    "secret.stored": gettext_lazy("Stored the secret"),
    "secret.taken_out": gettext_lazy("Took the value out in an .env file"),
    "secret.undeleted": gettext_lazy("Brought the secret back"),
    "secret.used_first": gettext_lazy("First used by the gateway"),
    "secret.verified": gettext_lazy("The new version works"),
    "link.page_changed": gettext_lazy("Changed the agency’s name or logo"),
    "token.changed": gettext_lazy("Changed a gateway token"),
    "token.issuer_changed": gettext_lazy("Changed whose JWTs open a gateway token"),
    "token.issuer_removed": gettext_lazy("Ended whose JWTs open a gateway token"),
    "token.issuer_trusted": gettext_lazy("Let an issuer's JWTs open a gateway token"),
    "token.made": gettext_lazy("Made a gateway token"),
    "token.revoked": gettext_lazy("Revoked a gateway token"),
    "token.rolled": gettext_lazy("Rolled a gateway token"),
    "user.changed": gettext_lazy("Changed a profile"),
    "user.owner_made": gettext_lazy("Made the owner's account"),
    "vault.made": gettext_lazy("Made the vault"),
    "webhook.changed": gettext_lazy("Changed a webhook endpoint"),
    "webhook.created": gettext_lazy("Made a webhook endpoint"),
    "webhook.deleted": gettext_lazy("Deleted a webhook endpoint"),
    "webhook.delivery_discarded": gettext_lazy("Discarded webhook deliveries"),
    "webhook.disabled": gettext_lazy("Disabled a webhook endpoint"),
    "webhook.discarded": gettext_lazy("Discarded quarantined webhooks"),
    "webhook.enabled": gettext_lazy("Enabled a webhook endpoint"),
    "webhook.forwarding_paused": gettext_lazy("Paused the handing on of webhooks"),
    "webhook.forwarding_resumed": gettext_lazy("Resumed the handing on of webhooks"),
    "webhook.paired": gettext_lazy("Kept the secret that a handshake brought"),
    "webhook.pairing_ended": gettext_lazy("Ended pairing with a vendor"),
    "webhook.pairing_started": gettext_lazy("Began pairing with a vendor"),
    "webhook.released_unverified": gettext_lazy("Let a webhook in that was not verified"),
    "webhook.replay_stopped": gettext_lazy("Stopped sending webhooks again"),
    "webhook.replayed": gettext_lazy("Sent many webhooks again"),
    "webhook.roll_ended": gettext_lazy("Ended the time of the secret before"),
    "webhook.secret_stored": gettext_lazy("Stored a vendor's signing secret"),
    "webhook.sent_again": gettext_lazy("Sent a webhook again"),
    "webhook.target_added": gettext_lazy("Added where webhooks go on to"),
    "webhook.target_changed": gettext_lazy("Changed where webhooks go on to"),
    "webhook.target_paused": gettext_lazy("Paused where webhooks go on to"),
    "webhook.target_removed": gettext_lazy("Removed where webhooks go on to"),
    "webhook.target_resumed": gettext_lazy("Resumed where webhooks go on to"),
    "webhook.tested": gettext_lazy("Sent a test event"),
    "webhook.verified_again": gettext_lazy("Verified quarantined webhooks again"),
}

AREAS = {
    "secret": gettext_lazy("Secrets"),
    "connection": gettext_lazy("Connections"),
    "token": gettext_lazy("Gateway tokens"),
    "handover": gettext_lazy("One-time links"),
    "link": gettext_lazy("Links for clients"),
    "calendar": gettext_lazy("Calendars"),
    "oauth_app": gettext_lazy("OAuth apps"),
    "provider": gettext_lazy("Providers"),
    "error": gettext_lazy("Errors"),
    "rotation": gettext_lazy("Rotations"),
    "client": gettext_lazy("Clients"),
    "webhook": gettext_lazy("Webhooks"),
    "login": gettext_lazy("Signing in"),
    "factor": gettext_lazy("Second factors"),
    "user": gettext_lazy("People"),
    "export": gettext_lazy("Downloads"),
    "backup": gettext_lazy("Backups"),
    "sandbox": gettext_lazy("Sandbox and demo"),
}
_TOGETHER = {
    "sandbox": ("sandbox", "demo"),
    "client": ("client", "environment", "offboarding"),
    "backup": ("backup", "recovery_kit"),
    "link": ("link", "link_template"),
}
_NAMELESS = {"command": gettext_lazy("Command line"), "client_link": gettext_lazy("Link for a client")}
_PLAIN = {None: gettext_lazy("none"), True: gettext_lazy("yes"), False: gettext_lazy("no")}


def prefixes_of(area: str) -> tuple[str, ...]:
    """Return what the actions of an area begin with."""
    return tuple(f"{name}." for name in _TOGETHER.get(area, (area,)))


def words_of(action: str) -> str:
    """Return what an action says on a page; one from a newer version is shown as the book spells it."""
    return str(WORDS.get(action, "")) or action.replace(".", ", ").replace("_", " ")


def who_words(kind: str, label: str) -> str:
    """Return who did it: a person's or a token's own name as it is, a command in the reader's language."""
    return str(_NAMELESS.get(kind, kind)) if label in ("", COMMAND.label) else label


def actions_saying(text: str) -> list[str]:
    """Return the actions whose words contain the text."""
    return [action for action, words in WORDS.items() if text.lower() in words.lower()]


def detail_words(value: Any) -> str:
    """Return a detail of an event as a person reads it: what was and is, lists with commas, none for nothing."""
    if isinstance(value, dict) and set(value) == {"old", "new"}:
        return f"{detail_words(value['old'])} → {detail_words(value['new'])}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {detail_words(one)}" for name, one in value.items()) or _("none")
    if isinstance(value, list):
        return ", ".join(detail_words(one) for one in value) or _("none")
    return str(_PLAIN.get(value, value)) if value is None or isinstance(value, bool) else str(value)
