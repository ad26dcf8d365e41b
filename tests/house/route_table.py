"""Every address of Keylodge and who may open it. A new one needs a line here; `test_access_matrix.py` does the rest.

A line says who, of what (the object its address names) and by which methods. MEMBER is who is signed in, MANAGER
who manages any client. LOOK and MANAGE are rights for the client the object belongs to, and a POST is never a look;
MINE is a row of one's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import get_resolver, reverse

PUBLIC, MEMBER, MANAGER, OWNER = "public", "member", "manager", "owner"
LOOK, MANAGE, MINE = "look", "manage", "mine"
BOTH = ("get", "post")


@dataclass(frozen=True)
class Row:
    """Who may open one address."""

    who: str
    of: str = ""
    methods: tuple[str, ...] = BOTH


def look(of: str) -> Row:
    return Row(LOOK, of, ("get",))


def act(of: str) -> Row:
    return Row(MANAGE, of, ("post",))


NO_NUMBER = 987_654
GET, POST = ("get",), ("post",)

ROWS: dict[str, Row] = {
    "readyz": Row(PUBLIC, methods=GET),
    "setup": Row(PUBLIC, "token"),
    "setup_secure": Row(MEMBER, methods=GET),
    # The API: a token opens it, never a session
    "api:openapi-json": Row(PUBLIC, methods=GET),
    "api:report_error": Row(PUBLIC, methods=POST),
    "api:api-root": Row(PUBLIC, methods=GET),
    "api:nothing": Row(PUBLIC, methods=GET),
    # allauth
    "account_login": Row(PUBLIC),
    "account_logout": Row(PUBLIC),
    "account_inactive": Row(PUBLIC, methods=GET),
    "account_signup": Row(PUBLIC),
    "account_email_verification_sent": Row(PUBLIC, methods=GET),
    "account_reset_password": Row(PUBLIC),
    "account_reset_password_done": Row(PUBLIC, methods=GET),
    "account_reset_password_from_key": Row(PUBLIC, "reset"),
    "account_reset_password_from_key_done": Row(PUBLIC, methods=GET),
    "account_confirm_login_code": Row(PUBLIC),
    "account_confirm_email": Row(PUBLIC, "token"),
    "mfa_authenticate": Row(PUBLIC),
    "mfa_login_webauthn": Row(PUBLIC),
    "account_reauthenticate": Row(MEMBER),
    "account_email": Row(MEMBER),
    "account_change_password": Row(MEMBER),
    "account_set_password": Row(MEMBER),
    "mfa_index": Row(MEMBER, methods=GET),
    "mfa_reauthenticate": Row(MEMBER),
    "mfa_activate_totp": Row(MEMBER),
    "mfa_deactivate_totp": Row(MEMBER),
    "mfa_view_recovery_codes": Row(MEMBER, methods=GET),
    "mfa_generate_recovery_codes": Row(MEMBER),
    "mfa_download_recovery_codes": Row(MEMBER, methods=GET),
    "mfa_list_webauthn": Row(MEMBER, methods=GET),
    "mfa_add_webauthn": Row(MEMBER),
    "mfa_reauthenticate_webauthn": Row(MEMBER),
    "mfa_remove_webauthn": Row(MINE, "factor"),
    "mfa_edit_webauthn": Row(MINE, "factor"),
    # The consent, and links for clients
    "integrations:callback": Row(PUBLIC, methods=GET),
    "integrations:connect": Row(PUBLIC, "token"),
    "integrations:request": Row(PUBLIC, "token"),
    "integrations:logo": Row(PUBLIC, "token", GET),
    "integrations:calendar": Row(PUBLIC, "token", GET),
    "integrations:thanks": Row(PUBLIC, "language", GET),
    "integrations:handover": Row(PUBLIC, "token"),
    "integrations:handover_hidden": Row(PUBLIC, "language", GET),
    "integrations:certificate_check": Row(PUBLIC),
    "integrations:start": act("connection"),
    "integrations:connected": look("connection"),
    "integrations:other_account": Row(MINE, "flow"),
    # Pages
    "dashboard:today": Row(MEMBER, methods=GET),
    "dashboard:search": Row(MEMBER),
    "dashboard:language": Row(PUBLIC, methods=POST),
    "dashboard:clients": Row(MEMBER, methods=GET),
    "dashboard:new_client": Row(OWNER),
    "dashboard:client": look("client"),
    "dashboard:client_connections": look("client"),
    "dashboard:client_secrets": look("client"),
    "dashboard:client_tokens": look("client"),
    "dashboard:client_reporting": look("client"),
    "dashboard:api_token_new": Row(MANAGE, "client"),
    "dashboard:api_token": look("api_token"),
    "dashboard:api_token_n8n": look("api_token"),
    "dashboard:api_token_roll": act("api_token"),
    "dashboard:api_token_revoke": act("api_token"),
    "dashboard:api_token_test": act("api_token"),
    "dashboard:client_webhooks": look("client"),
    "dashboard:client_requests": look("client"),
    "dashboard:client_access": look("client"),
    "dashboard:client_edit": Row(MANAGE, "client"),
    "dashboard:new_environment": act("client"),
    "dashboard:client_calendar": act("client"),
    "dashboard:archive_client": act("client"),
    "dashboard:client_env_file": act("client"),
    "dashboard:client_offboard": look("client"),
    "dashboard:offboard_begin": act("client"),
    "dashboard:offboard_revoke": act("client"),
    "dashboard:offboard_check": act("client"),
    "dashboard:offboard_hand_over": act("client"),
    "dashboard:offboard_export": act("client"),
    "dashboard:offboard_shred": act("client"),
    "dashboard:offboard_undo": act("client"),
    "dashboard:offboard_cancel": act("client"),
    "dashboard:offboarding_certificate": look("offboarding"),
    "dashboard:offboarding_pdf": look("offboarding"),
    "dashboard:vault": Row(MEMBER, methods=GET),
    "dashboard:secret_new": Row(MEMBER),
    "dashboard:secret_check": Row(MEMBER, methods=POST),
    "dashboard:secret_import": Row(MEMBER),
    "dashboard:secret_import_preview": Row(MEMBER),
    "dashboard:secret_import_run": Row(MEMBER),
    "dashboard:secret_import_drop": Row(MEMBER, methods=POST),
    "dashboard:secret": look("secret"),
    "dashboard:secret_reveal": act("secret"),
    "dashboard:secret_copy": act("secret"),
    "dashboard:secret_edit": Row(MANAGE, "secret"),
    "dashboard:secret_replace": Row(MANAGE, "secret"),
    "dashboard:secret_restore": act("secret"),
    "dashboard:secret_promote": act("secret"),
    "dashboard:secret_delete": act("secret"),
    "dashboard:secret_undelete": act("secret"),
    "dashboard:secret_hand_out": Row(MANAGE, "secret"),
    "dashboard:handovers": Row(MEMBER, methods=GET),
    "dashboard:handovers_export": Row(MEMBER, methods=POST),
    "dashboard:handover_share": Row(MANAGER),
    "dashboard:handover_revoke": act("handover"),
    "dashboard:rotations": Row(MEMBER, methods=GET),
    "dashboard:snooze": Row(MEMBER, methods=POST),
    "dashboard:rotation_list": Row(MEMBER, methods=GET),
    "dashboard:rotations_seen": Row(MEMBER),
    "dashboard:rotation": look("rotation"),
    "dashboard:rotation_store": Row(MANAGE, "rotation"),
    "dashboard:rotation_act": act("rotation"),
    "dashboard:rotation_evidence": look("rotation"),
    "dashboard:secret_rotate": act("secret"),
    "dashboard:secret_rotate_now": act("secret"),
    "dashboard:secret_rotate_automatic": act("secret"),
    "dashboard:messages": Row(MEMBER, methods=GET),
    "dashboard:messages_read": Row(MEMBER, methods=POST),
    "dashboard:message": Row(MINE, "message", GET),
    "dashboard:audit": Row(MEMBER, methods=GET),
    "dashboard:audit_export": Row(MEMBER, methods=POST),
    "dashboard:audit_verify": Row(OWNER, methods=POST),
    "dashboard:settings": Row(MEMBER),
    "dashboard:settings_calendar": Row(MEMBER),
    "dashboard:settings_agency": Row(OWNER),
    "dashboard:settings_security": Row(MEMBER, methods=GET),
    "dashboard:settings_end_session": Row(MEMBER, methods=POST),
    "dashboard:settings_mail": Row(OWNER, methods=GET),
    "dashboard:settings_mail_test": Row(OWNER, methods=POST),
    "dashboard:settings_address": Row(OWNER),
    "dashboard:settings_background": Row(OWNER, methods=GET),
    "dashboard:settings_background_run": Row(OWNER, methods=POST),
    "dashboard:settings_backup": Row(OWNER),
    "dashboard:settings_kit": Row(OWNER, methods=POST),
    "dashboard:settings_rotation": Row(OWNER),
    "dashboard:settings_prices": Row(OWNER),
    "dashboard:settings_price_remove": Row(OWNER, "price", POST),
    "dashboard:sandbox": Row(OWNER),
    # Errors, calls, limits
    "dashboard:errors": Row(MEMBER, methods=GET),
    "dashboard:errors_settling": Row(MEMBER, methods=POST),
    "dashboard:errors_undo": Row(MEMBER, methods=POST),
    "dashboard:error": look("group"),
    "dashboard:calls": Row(MEMBER, methods=GET),
    "dashboard:call": look("call"),
    "dashboard:call_again": Row(MANAGE, "call"),
    "dashboard:limits": Row(MEMBER, methods=GET),
    "dashboard:limit": look("connection"),
    "dashboard:limits_slow_down": act("connection"),
    "dashboard:limits_cap": act("connection"),
    "dashboard:limits_uncap": act("connection"),
    "dashboard:limits_budget": act("connection"),
    "dashboard:usage": Row(MEMBER, methods=GET),
    "dashboard:usage_client": look("client"),
    "dashboard:usage_budget": act("client"),
    # Webhooks
    "dashboard:webhook": look("endpoint"),
    "dashboard:webhook_event": look("event"),
    "dashboard:webhooks": Row(MEMBER, methods=GET),
    "dashboard:webhooks_bulk": Row(MEMBER, methods=POST),
    "dashboard:webhook_new": Row(MANAGER),
    "dashboard:webhook_settings": Row(MANAGE, "endpoint"),
    "dashboard:webhook_pause": act("endpoint"),
    "dashboard:webhook_resume": act("endpoint"),
    "dashboard:webhook_pair": act("endpoint"),
    "dashboard:webhook_unpair": act("endpoint"),
    "dashboard:webhook_disable": act("endpoint"),
    "dashboard:webhook_enable": act("endpoint"),
    "dashboard:webhook_delete": act("endpoint"),
    "dashboard:webhook_secret": Row(MANAGE, "endpoint"),
    "dashboard:webhook_end_previous": act("endpoint"),
    "dashboard:waiting": Row(MEMBER, methods=GET),
    "dashboard:waiting_settle": Row(MEMBER, methods=POST),
    "dashboard:held_lane_pause": act("connection"),
    "dashboard:held_lane_resume": act("connection"),
    "dashboard:held_run": Row(MINE, "held_run", methods=GET),
    "dashboard:held_run_stop": Row(MINE, "held_run", methods=POST),
    "dashboard:held_call": look("held_call"),
    "dashboard:held_call_replay": act("held_call"),
    "dashboard:held_call_discard": act("held_call"),
    "dashboard:held_call_put_back": act("held_call"),
    "dashboard:held_call_edit": Row(MANAGE, "held_call"),
    "dashboard:webhooks_dead": Row(MEMBER, methods=GET),
    "dashboard:webhooks_dead_settle": Row(MEMBER, methods=POST),
    "dashboard:webhook_target_try": act("webhook_target"),
    "dashboard:webhook_replay_stop": act("replay"),
    "dashboard:webhook_event_resend": act("event"),
    "dashboard:webhook_event_discard": act("event"),
    "dashboard:webhook_replay": act("endpoint"),
    "dashboard:webhook_test": act("endpoint"),
    "dashboard:webhook_event_verify": act("event"),
    "dashboard:webhook_event_release": act("event"),
    "dashboard:webhook_quarantine": look("endpoint"),
    "dashboard:webhook_quarantine_settle": act("endpoint"),
    "dashboard:webhook_tester": Row(MANAGE, "endpoint"),
    "dashboard:webhook_target_new": Row(MANAGE, "endpoint"),
    "dashboard:webhook_target": Row(MANAGE, "webhook_target"),
    "dashboard:webhook_target_pause": act("webhook_target"),
    "dashboard:webhook_target_resume": act("webhook_target"),
    "dashboard:webhook_target_remove": act("webhook_target"),
    # Connections
    "dashboard:connections": Row(MEMBER, methods=GET),
    "dashboard:connect": Row(MEMBER),
    "dashboard:connect_find": Row(MEMBER, methods=POST),
    "dashboard:connection": look("connection"),
    "dashboard:connection_rename": act("connection"),
    "dashboard:connection_app": act("connection"),
    "dashboard:connection_choose": act("connection"),
    "dashboard:connection_look": act("connection"),
    "dashboard:connection_version": act("connection"),
    "dashboard:connection_version_back": act("connection"),
    "dashboard:connection_confirm_account": act("connection"),
    "dashboard:connection_pause": act("connection"),
    "dashboard:connection_resume": act("connection"),
    "dashboard:connection_probe": act("connection"),
    "dashboard:connection_outage_try": act("connection"),
    "dashboard:connection_outage_reset": act("connection"),
    "dashboard:connection_probe_schedule": act("connection"),
    "dashboard:connection_sunset": act("connection"),
    "dashboard:connection_credential": Row(MANAGE, "connection"),
    "dashboard:connection_disconnect": act("connection"),
    "dashboard:connection_delete": act("connection"),
    "dashboard:connection_call": Row(MANAGE, "connection"),
    "dashboard:connection_n8n": look("connection"),
    "dashboard:connection_links": Row(LOOK, "consent"),
    "dashboard:link_revoke": act("link"),
    "dashboard:requests": Row(MEMBER, methods=GET),
    "dashboard:request_templates": Row(OWNER, methods=GET),
    "dashboard:request_template_new": Row(OWNER),
    "dashboard:request_template": Row(OWNER, "link_template"),
    "dashboard:request_template_delete": Row(OWNER, "link_template", POST),
    "dashboard:request_new": Row(MEMBER),
    "dashboard:request": look("link"),
    "dashboard:request_revoke": act("link"),
    "dashboard:request_nudge": act("link"),
    "dashboard:request_renew": act("link"),
    "dashboard:request_use": act("request_item"),
    "dashboard:token_new": Row(MANAGE, "connection"),
    "dashboard:token_change": Row(MANAGE, "token"),
    "dashboard:token_issuer_new": Row(MANAGE, "token"),
    "dashboard:token_issuer": Row(MANAGE, "issuer"),
    "dashboard:token_issuer_remove": act("token"),
    "dashboard:token_roll": act("token"),
    "dashboard:token_revoke": act("token"),
    "dashboard:oauth_apps": Row(MEMBER, methods=GET),
    "dashboard:oauth_app_new": Row(MANAGER),
    "dashboard:oauth_app": Row(MANAGE, "app"),
    "dashboard:settings_alerts": Row(MEMBER),
    "dashboard:alert_route_new": Row(MANAGER),
    "dashboard:alert_route": Row(MANAGE, "alert_route", GET),
    "dashboard:alert_route_change": Row(MANAGE, "alert_route"),
    "dashboard:alert_route_test": act("alert_route"),
    "dashboard:alert_route_pause": act("alert_route"),
    "dashboard:alert_route_secret": act("alert_route"),
    "dashboard:alert_route_remove": act("alert_route"),
    "dashboard:connection_watch": Row(MANAGE, "connection"),
    "dashboard:token_pause": Row(MANAGE, "token"),
    "dashboard:troubles": Row(MEMBER, methods=GET),
    "dashboard:trouble_snooze": act("trouble"),
    "dashboard:jwt": Row(MEMBER),
    "dashboard:providers": Row(MEMBER, methods=GET),
    "dashboard:provider_new": Row(MANAGER),
    "dashboard:provider": Row(MANAGE, "provider"),
    "dashboard:provider_delete": act("provider"),
}

# What asks again who it is after a quarter of an hour: values and keys that leave the house, tokens made,
# credentials replaced, what is deleted for good, and one's own factors.
STEP_UP = {
    "dashboard:held_call_edit",
    "dashboard:secret_reveal",
    "dashboard:secret_copy",
    "dashboard:secret_replace",
    "dashboard:secret_delete",
    "dashboard:offboard_begin",
    "dashboard:offboard_revoke",
    "dashboard:offboard_hand_over",
    "dashboard:offboard_export",
    "dashboard:offboard_shred",
    "dashboard:secret_hand_out",
    "dashboard:handover_share",
    "dashboard:handovers_export",
    "dashboard:rotation_store",
    "dashboard:secret_rotate_now",
    "dashboard:secret_rotate_automatic",
    "dashboard:connection_credential",
    "dashboard:connection_delete",
    "dashboard:token_new",
    "dashboard:api_token_new",
    "dashboard:api_token_roll",
    "dashboard:token_roll",
    "dashboard:token_change",
    "dashboard:token_issuer_new",
    "dashboard:token_issuer",
    "dashboard:audit_export",
    "dashboard:client_env_file",
    "dashboard:webhook_secret",
    "dashboard:webhook_delete",
    "dashboard:webhook_event_release",
    "dashboard:alert_route_new",
    "dashboard:alert_route_change",
    "dashboard:alert_route_secret",
    "dashboard:alert_route_remove",
    "dashboard:settings_backup",
    "dashboard:settings_kit",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",
    "mfa_add_webauthn",
    "mfa_remove_webauthn",
    "mfa_edit_webauthn",
}


@dataclass(frozen=True)
class Route:
    """One address as the resolver has it."""

    name: str
    pattern: str
    parameters: tuple[str, ...]
    is_public: bool

    def address(self, values: dict[str, Any]) -> str:
        """Return the address with these values for its parameters."""
        kinds = {name: values[name] for name in self.parameters}
        if "<int:pk>" in self.pattern and not isinstance(kinds["pk"], int):
            kinds["pk"] = NO_NUMBER
        return reverse(self.name, kwargs=kinds)


def routes() -> list[Route]:
    """Return every address of the project, allauth's too."""
    return list(_walk(get_resolver().url_patterns, prefix="", spaces=(), given=()))


def _walk(patterns: Any, *, prefix: str, spaces: tuple[str, ...], given: tuple[str, ...]) -> Iterator[Route]:
    for found in patterns:
        text = prefix + str(found.pattern)
        own = tuple(found.pattern.converters) or tuple(found.pattern.regex.groupindex)
        if hasattr(found, "url_patterns"):
            inner = spaces + ((found.namespace,) if found.namespace else ())
            yield from _walk(found.url_patterns, prefix=text, spaces=inner, given=given + own)
            continue
        name = ":".join([*spaces, found.name or found.callback.__name__])
        yield Route(name, text, given + own, not getattr(found.callback, "login_required", True))
