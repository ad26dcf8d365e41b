"""Where each page is. A page with a line in `navigation.py` appears in the rail when its URL stands here."""

from django.urls import path

from dashboard.pages import (
    audit,
    client,
    client_changes,
    clients,
    language,
    mailbox,
    rotations,
    sandbox,
    search,
    today,
)
from dashboard.pages.alerts import editing as alert_editing
from dashboard.pages.alerts import route as alert_route
from dashboard.pages.alerts import settings as alert_settings
from dashboard.pages.alerts import troubles, watching
from dashboard.pages.calls import again as call_again
from dashboard.pages.calls import list as call_list
from dashboard.pages.calls import one as call_one
from dashboard.pages.connecting import described, oauth_apps, wizard
from dashboard.pages.connecting import links as connect_links
from dashboard.pages.connecting import list as connection_list
from dashboard.pages.connection import account, acts, console, health, outage, token_change, token_issuers, tokens
from dashboard.pages.connection import one as connection_page
from dashboard.pages.errors import groups, states
from dashboard.pages.handovers import list as handover_list
from dashboard.pages.handovers import making as handover_making
from dashboard.pages.jwt import looking as jwt_looking
from dashboard.pages.limits import acts as limit_acts
from dashboard.pages.limits import clients as limit_clients
from dashboard.pages.limits import list as limit_list
from dashboard.pages.limits import one as limit_one
from dashboard.pages.offboarding import acts as offboarding_acts
from dashboard.pages.offboarding import page as offboarding
from dashboard.pages.reporting import tokens as api_tokens
from dashboard.pages.requests import list as request_list
from dashboard.pages.requests import new as request_new
from dashboard.pages.requests import one as request_one
from dashboard.pages.requests import templates as request_templates
from dashboard.pages.rotating import drivers as rotation_drivers
from dashboard.pages.rotating import evidence as rotation_evidence
from dashboard.pages.rotating import guide as rotation_guide
from dashboard.pages.rotating import seen as rotation_seen
from dashboard.pages.settings import (
    address,
    agency,
    background,
    backup,
    calendar,
    mail,
    prices,
    profile,
    rotation,
    security,
)
from dashboard.pages.vault import importing, new, one, showing, taking_out
from dashboard.pages.vault import list as vault_list
from dashboard.pages.waiting import bulk as waiting_bulk
from dashboard.pages.waiting import editing as waiting_editing
from dashboard.pages.waiting import list as waiting_list
from dashboard.pages.waiting import one as waiting_one
from dashboard.pages.webhooks import acts as webhook_acts
from dashboard.pages.webhooks import dead_letters, event_acts, event_page, inspector, quarantined, replaying, testing
from dashboard.pages.webhooks import list as webhook_list
from dashboard.pages.webhooks import new as webhook_new
from dashboard.pages.webhooks import secrets as webhook_secrets
from dashboard.pages.webhooks import settings as webhook_settings
from dashboard.pages.webhooks import target_pages as webhook_targets
from dashboard.pages.webhooks import tester as webhook_tester

app_name = "dashboard"

urlpatterns = [
    # Today
    path("", today.today, name="today"),
    path("search/", search.search, name="search"),
    path("language/", language.language, name="language"),
    # Clients
    path("clients/", clients.clients, name="clients"),
    path("clients/new/", clients.new_client, name="new_client"),
    path("clients/<slug:slug>/", client.overview, name="client"),
    path("clients/<slug:slug>/connections/", client.connections, name="client_connections"),
    path("clients/<slug:slug>/secrets/", client.secrets, name="client_secrets"),
    path("clients/<slug:slug>/tokens/", client.tokens, name="client_tokens"),
    path("clients/<slug:slug>/reported-errors/", api_tokens.listing, name="client_reporting"),
    path("clients/<slug:slug>/reported-errors/new/", api_tokens.new, name="api_token_new"),
    path("api-tokens/<uuid:pk>/", api_tokens.one, name="api_token"),
    path("api-tokens/<uuid:pk>/roll/", api_tokens.roll, name="api_token_roll"),
    path("api-tokens/<uuid:pk>/revoke/", api_tokens.revoke, name="api_token_revoke"),
    path("api-tokens/<uuid:pk>/test/", api_tokens.test, name="api_token_test"),
    path("api-tokens/<uuid:pk>/n8n.json", api_tokens.n8n, name="api_token_n8n"),
    path("clients/<slug:slug>/webhooks/", client.webhooks, name="client_webhooks"),
    path("clients/<slug:slug>/links/", request_list.client_requests, name="client_requests"),
    path("clients/<slug:slug>/access/", client.access, name="client_access"),
    path("clients/<slug:slug>/edit/", client_changes.edit, name="client_edit"),
    path("clients/<slug:slug>/environments/", client_changes.new_environment, name="new_environment"),
    path("clients/<slug:slug>/calendar/", calendar.client_calendar, name="client_calendar"),
    path("clients/<slug:slug>/archive/", client_changes.archiving, name="archive_client"),
    path("clients/<slug:slug>/offboard/", offboarding.page, name="client_offboard"),
    path("clients/<slug:slug>/offboard/begin/", offboarding_acts.begin, name="offboard_begin"),
    path("clients/<slug:slug>/offboard/revoke/", offboarding_acts.revoke, name="offboard_revoke"),
    path("clients/<slug:slug>/offboard/check/", offboarding_acts.check, name="offboard_check"),
    path("clients/<slug:slug>/offboard/hand-over/", offboarding_acts.hand_over, name="offboard_hand_over"),
    path("clients/<slug:slug>/offboard/export/", offboarding_acts.export, name="offboard_export"),
    path("clients/<slug:slug>/offboard/destroy/", offboarding_acts.shred, name="offboard_shred"),
    path("clients/<slug:slug>/offboard/undo/", offboarding_acts.undo, name="offboard_undo"),
    path("clients/<slug:slug>/offboard/cancel/", offboarding_acts.cancel, name="offboard_cancel"),
    path("offboardings/<uuid:pk>/certificate.json", offboarding.certificate, name="offboarding_certificate"),
    path("offboardings/<uuid:pk>/certificate.pdf", offboarding.certificate_pdf, name="offboarding_pdf"),
    # Connections
    path("connections/", connection_list.connections, name="connections"),
    path("connections/new/", wizard.connect, name="connect"),
    path("connections/new/find/", wizard.find, name="connect_find"),
    path("connections/<slug:slug>/connect/", connect_links.links, name="connection_links"),
    path("connections/<slug:slug>/connect/<uuid:pk>/revoke/", connect_links.revoke, name="link_revoke"),
    path("links/", request_list.requests, name="requests"),
    path("links/new/", request_new.new, name="request_new"),
    path("links/templates/", request_templates.templates, name="request_templates"),
    path("links/templates/new/", request_templates.new_template, name="request_template_new"),
    path("links/templates/<uuid:pk>/", request_templates.edit_template, name="request_template"),
    path("links/templates/<uuid:pk>/delete/", request_templates.remove_template, name="request_template_delete"),
    path("links/<uuid:pk>/", request_one.one, name="request"),
    path("links/<uuid:pk>/revoke/", request_one.revoke, name="request_revoke"),
    path("links/<uuid:pk>/nudge/", request_one.nudge, name="request_nudge"),
    path("links/<uuid:pk>/renew/", request_one.renew, name="request_renew"),
    path("links/items/<uuid:pk>/use/", request_one.use, name="request_use"),
    path("oauth-apps/", oauth_apps.oauth_apps, name="oauth_apps"),
    path("oauth-apps/new/", oauth_apps.new_app, name="oauth_app_new"),
    path("oauth-apps/<uuid:pk>/", oauth_apps.edit_app, name="oauth_app"),
    path("providers/", described.providers, name="providers"),
    path("providers/new/", described.new_provider, name="provider_new"),
    path("providers/<uuid:pk>/", described.edit_provider, name="provider"),
    path("providers/<uuid:pk>/delete/", described.delete_provider, name="provider_delete"),
    path("jwt/", jwt_looking.jwt, name="jwt"),
    # Connection
    path("connections/<slug:slug>/", connection_page.connection, name="connection"),
    path("connections/<slug:slug>/rename/", acts.rename, name="connection_rename"),
    path("connections/<slug:slug>/oauth-app/", acts.choose_oauth_app, name="connection_app"),
    path("connections/<slug:slug>/account/", account.choose, name="connection_choose"),
    path("connections/<slug:slug>/account/look/", account.look, name="connection_look"),
    path("connections/<slug:slug>/version/", account.version, name="connection_version"),
    path("connections/<slug:slug>/version/back/", account.version_back, name="connection_version_back"),
    path("connections/<slug:slug>/account/confirm/", acts.confirm_account, name="connection_confirm_account"),
    path("connections/<slug:slug>/pause/", acts.pause, name="connection_pause"),
    path("connections/<slug:slug>/resume/", acts.resume, name="connection_resume"),
    path("connections/<slug:slug>/probe/", acts.probe, name="connection_probe"),
    path("connections/<slug:slug>/probe/schedule/", health.schedule, name="connection_probe_schedule"),
    path("connections/<slug:slug>/sunset/", health.sunset, name="connection_sunset"),
    path("connections/<slug:slug>/outage/try/", outage.try_now, name="connection_outage_try"),
    path("connections/<slug:slug>/outage/reset/", outage.reset, name="connection_outage_reset"),
    path("connections/<slug:slug>/credential/", acts.credential, name="connection_credential"),
    path("connections/<slug:slug>/disconnect/", acts.disconnect, name="connection_disconnect"),
    path("connections/<slug:slug>/delete/", acts.delete, name="connection_delete"),
    path("connections/<slug:slug>/call/", console.call, name="connection_call"),
    path("connections/<slug:slug>/n8n.json", connection_page.n8n_node, name="connection_n8n"),
    path("connections/<slug:slug>/tokens/new/", tokens.new, name="token_new"),
    path("tokens/<uuid:pk>/", token_change.change, name="token_change"),
    path("tokens/<uuid:pk>/issuers/new/", token_issuers.new, name="token_issuer_new"),
    path("tokens/issuers/<uuid:pk>/", token_issuers.change, name="token_issuer"),
    path("tokens/<uuid:pk>/issuers/remove/", token_issuers.remove, name="token_issuer_remove"),
    path("tokens/<uuid:pk>/roll/", tokens.roll, name="token_roll"),
    path("tokens/<uuid:pk>/revoke/", tokens.revoke, name="token_revoke"),
    # Vault
    path("vault/", vault_list.secrets, name="vault"),
    path("vault/new/", new.new, name="secret_new"),
    path("vault/check/", new.check, name="secret_check"),
    path("vault/import/", importing.paste, name="secret_import"),
    path("vault/import/preview/", importing.preview, name="secret_import_preview"),
    path("vault/import/run/", importing.run, name="secret_import_run"),
    path("vault/import/drop/", importing.drop, name="secret_import_drop"),
    path("clients/<slug:slug>/env-file/", taking_out.env_file, name="client_env_file"),
    path("vault/<uuid:pk>/", one.secret, name="secret"),
    path("vault/<uuid:pk>/reveal/", showing.reveal, name="secret_reveal"),
    path("vault/<uuid:pk>/copy/", showing.copy, name="secret_copy"),
    path("vault/<uuid:pk>/edit/", one.edit, name="secret_edit"),
    path("vault/<uuid:pk>/replace/", one.replace, name="secret_replace"),
    path("vault/<uuid:pk>/versions/<int:number>/restore/", one.restore, name="secret_restore"),
    path("vault/<uuid:pk>/versions/<int:number>/promote/", one.promote, name="secret_promote"),
    path("vault/<uuid:pk>/delete/", one.delete, name="secret_delete"),
    path("vault/<uuid:pk>/undelete/", one.undelete, name="secret_undelete"),
    path("vault/<uuid:pk>/hand-out/", handover_making.hand_out, name="secret_hand_out"),
    path("vault/handovers/", handover_list.handovers, name="handovers"),
    path("vault/handovers/export/", handover_list.export, name="handovers_export"),
    path("vault/handovers/new/", handover_making.share, name="handover_share"),
    path("vault/handovers/<uuid:pk>/revoke/", handover_list.revoke, name="handover_revoke"),
    # Rotations, messages, audit trail
    path("rotations/", rotations.rotations, name="rotations"),
    path("rotations/snooze/", rotations.snooze, name="snooze"),
    path("rotations/all/", rotation_guide.listing, name="rotation_list"),
    path("rotations/seen/", rotation_seen.seen, name="rotations_seen"),
    path("rotations/<uuid:pk>/", rotation_guide.guide, name="rotation"),
    path("rotations/<uuid:pk>/store/", rotation_guide.store, name="rotation_store"),
    path("rotations/<uuid:pk>/act/", rotation_guide.act, name="rotation_act"),
    path("rotations/<uuid:pk>/evidence/", rotation_evidence.evidence, name="rotation_evidence"),
    path("vault/<uuid:pk>/rotate/", rotation_guide.start, name="secret_rotate"),
    path("vault/<uuid:pk>/rotate/now/", rotation_drivers.rotate_now, name="secret_rotate_now"),
    path("vault/<uuid:pk>/rotate/automatic/", rotation_drivers.automatic, name="secret_rotate_automatic"),
    path("messages/", mailbox.mailbox, name="messages"),
    path("messages/read/", mailbox.mark_read, name="messages_read"),
    path("messages/<uuid:pk>/", mailbox.message, name="message"),
    path("audit/", audit.trail, name="audit"),
    path("audit/export/", audit.export, name="audit_export"),
    path("audit/verify/", audit.verify, name="audit_verify"),
    # Errors, calls, limits
    path("errors/", groups.errors, name="errors"),
    path("errors/settle/", states.settling, name="errors_settling"),
    path("errors/undo/", states.undo, name="errors_undo"),
    path("errors/<uuid:pk>/", groups.error, name="error"),
    path("calls/", call_list.calls, name="calls"),
    path("calls/<uuid:pk>/", call_one.call, name="call"),
    path("calls/<uuid:pk>/again/", call_again.again, name="call_again"),
    path("limits/", limit_list.limits, name="limits"),
    path("limits/<slug:slug>/", limit_one.limit, name="limit"),
    path("limits/<slug:slug>/slow-down/", limit_acts.slow_down, name="limits_slow_down"),
    path("limits/<slug:slug>/cap/", limit_acts.cap, name="limits_cap"),
    path("limits/<slug:slug>/uncap/", limit_acts.uncap, name="limits_uncap"),
    path("limits/<slug:slug>/budget/", limit_acts.budget, name="limits_budget"),
    path("usage/", limit_clients.usage, name="usage"),
    path("usage/<slug:slug>/", limit_clients.client_usage, name="usage_client"),
    path("usage/<slug:slug>/budget/", limit_acts.client_budget, name="usage_budget"),
    # Waiting calls
    path("waiting/", waiting_list.waiting, name="waiting"),
    path("waiting/settle/", waiting_bulk.settle, name="waiting_settle"),
    path("waiting/lanes/<slug:slug>/pause/", waiting_bulk.lane, {"do": "pause"}, name="held_lane_pause"),
    path("waiting/lanes/<slug:slug>/resume/", waiting_bulk.lane, {"do": "resume"}, name="held_lane_resume"),
    path("waiting/runs/<uuid:pk>/", waiting_bulk.run, name="held_run"),
    path("waiting/runs/<uuid:pk>/stop/", waiting_bulk.stop, name="held_run_stop"),
    path("waiting/<uuid:pk>/", waiting_one.held_call, name="held_call"),
    path("waiting/<uuid:pk>/replay/", waiting_one.replay, name="held_call_replay"),
    path("waiting/<uuid:pk>/discard/", waiting_one.discard, name="held_call_discard"),
    path("waiting/<uuid:pk>/put-back/", waiting_one.put_back, name="held_call_put_back"),
    path("waiting/<uuid:pk>/edit/", waiting_editing.edit, name="held_call_edit"),
    # Webhooks
    path("webhooks/", webhook_list.webhooks, name="webhooks"),
    path("webhooks/acts/", webhook_list.bulk, name="webhooks_bulk"),
    path("webhooks/new/", webhook_new.new, name="webhook_new"),
    path("webhooks/events/<uuid:pk>/", event_page.event, name="webhook_event"),
    path("webhooks/dead-letters/", dead_letters.dead_letters, name="webhooks_dead"),
    path("webhooks/dead-letters/settle/", dead_letters.settle, name="webhooks_dead_settle"),
    path("webhooks/targets/<uuid:pk>/try/", dead_letters.try_target, name="webhook_target_try"),
    path("webhooks/replays/<uuid:pk>/stop/", replaying.stop, name="webhook_replay_stop"),
    path("webhooks/events/<uuid:pk>/resend/", event_acts.resend, name="webhook_event_resend"),
    path("webhooks/events/<uuid:pk>/discard/", event_acts.discard, name="webhook_event_discard"),
    path("webhooks/events/<uuid:pk>/verify/", quarantined.verify_one, name="webhook_event_verify"),
    path("webhooks/events/<uuid:pk>/release/", quarantined.release, name="webhook_event_release"),
    path("webhooks/<slug:slug>/", inspector.webhook, name="webhook"),
    path("webhooks/<slug:slug>/settings/", webhook_settings.endpoint_settings, name="webhook_settings"),
    path("webhooks/<slug:slug>/pause/", webhook_acts.pause, name="webhook_pause"),
    path("webhooks/<slug:slug>/resume/", webhook_acts.resume, name="webhook_resume"),
    path("webhooks/<slug:slug>/pair/", webhook_acts.pair, name="webhook_pair"),
    path("webhooks/<slug:slug>/unpair/", webhook_acts.unpair, name="webhook_unpair"),
    path("webhooks/<slug:slug>/disable/", webhook_acts.disable, name="webhook_disable"),
    path("webhooks/<slug:slug>/enable/", webhook_acts.enable, name="webhook_enable"),
    path("webhooks/<slug:slug>/delete/", webhook_acts.delete, name="webhook_delete"),
    path("webhooks/<slug:slug>/secret/", webhook_secrets.roll, name="webhook_secret"),
    path("webhooks/<slug:slug>/secret/end/", webhook_secrets.end_previous, name="webhook_end_previous"),
    path("webhooks/<slug:slug>/replay/", replaying.replay, name="webhook_replay"),
    path("webhooks/<slug:slug>/test/", testing.test, name="webhook_test"),
    path("webhooks/<slug:slug>/quarantine/", quarantined.quarantined, name="webhook_quarantine"),
    path("webhooks/<slug:slug>/quarantine/settle/", quarantined.settle, name="webhook_quarantine_settle"),
    path("webhooks/<slug:slug>/tester/", webhook_tester.tester, name="webhook_tester"),
    path("webhooks/<slug:slug>/targets/new/", webhook_targets.new, name="webhook_target_new"),
    path("webhooks/<slug:slug>/targets/<uuid:pk>/", webhook_targets.edit, name="webhook_target"),
    path("webhooks/<slug:slug>/targets/<uuid:pk>/pause/", webhook_targets.pause, name="webhook_target_pause"),
    path("webhooks/<slug:slug>/targets/<uuid:pk>/resume/", webhook_targets.resume, name="webhook_target_resume"),
    path("webhooks/<slug:slug>/targets/<uuid:pk>/remove/", webhook_targets.remove, name="webhook_target_remove"),
    # Settings
    path("settings/", profile.profile, name="settings"),
    path("settings/security/", security.security, name="settings_security"),
    path("settings/security/end/", security.end_session, name="settings_end_session"),
    path("settings/calendar/", calendar.calendar, name="settings_calendar"),
    path("settings/alerts/", alert_settings.alerts, name="settings_alerts"),
    path("settings/alerts/new/", alert_editing.new, name="alert_route_new"),
    path("settings/alerts/<uuid:pk>/", alert_route.one, name="alert_route"),
    path("settings/alerts/<uuid:pk>/change/", alert_editing.change, name="alert_route_change"),
    path("settings/alerts/<uuid:pk>/test/", alert_route.test, name="alert_route_test"),
    path("settings/alerts/<uuid:pk>/pause/", alert_route.pause, name="alert_route_pause"),
    path("settings/alerts/<uuid:pk>/secret/", alert_route.new_secret, name="alert_route_secret"),
    path("settings/alerts/<uuid:pk>/remove/", alert_route.remove, name="alert_route_remove"),
    path("connections/<slug:slug>/watch/", watching.connection, name="connection_watch"),
    path("tokens/<uuid:pk>/pause/", watching.token, name="token_pause"),
    path("alerts/", troubles.troubles, name="troubles"),
    path("alerts/<uuid:pk>/snooze/", troubles.snooze, name="trouble_snooze"),
    path("settings/agency/", agency.agency_page, name="settings_agency"),
    path("settings/rotation/", rotation.rules, name="settings_rotation"),
    path("settings/prices/", prices.prices, name="settings_prices"),
    path("settings/prices/<uuid:pk>/remove/", prices.remove, name="settings_price_remove"),
    path("settings/mail/", mail.mail, name="settings_mail"),
    path("settings/mail/test/", mail.send_test, name="settings_mail_test"),
    path("settings/address/", address.address, name="settings_address"),
    path("settings/background/", background.background, name="settings_background"),
    path("settings/background/run/", background.run_now, name="settings_background_run"),
    path("settings/backup/", backup.backup, name="settings_backup"),
    path("settings/backup/kit/", backup.kit, name="settings_kit"),
    # Sandbox
    path("sandbox/", sandbox.sandbox, name="sandbox"),
]
