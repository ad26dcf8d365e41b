"""The consent page: which account, which rights, yes or no. Without an account, JavaScript or cookies."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import OAuth2Error

from integrations.sandbox.oauth import HubSpotServer
from integrations.sandbox.scopes import granted_scopes, scope_mismatch
from integrations.sandbox.wire import Request, Response, page_answer
from integrations.sandbox.world import PORTALS, SCOPES, World

STYLE = """
:root { color-scheme: light dark; --ink: #1d2433; --paper: #fff; --edge: #8a93a6; --soft: #eef1f6; --go: #0b57d0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebf2; --paper: #171b24; --edge: #8a93a6; --soft: #242a37; --go: #a8c7fa; }
}
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--soft); }
.notice { margin: 0; padding: .75rem 1rem; background: #ffe08a; color: #3b2a00; text-align: center; }
main { max-width: 34rem; margin: 1.5rem auto; padding: 1.5rem; background: var(--paper); border-radius: .75rem; }
h1 { margin-top: 0; font-size: 1.375rem; line-height: 1.25; }
h2 { font-size: 1.0625rem; }
code { overflow-wrap: anywhere; }
fieldset { margin: 1.25rem 0; padding: .5rem 1rem; border: 1px solid var(--edge); border-radius: .5rem; }
label { display: flex; gap: .75rem; align-items: center; min-height: 2.75rem; }
input { width: 1.25rem; height: 1.25rem; flex: none; }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; }
button { flex: 1 1 12rem; min-height: 2.75rem; font: inherit; font-weight: 600; border-radius: .5rem; cursor: pointer;
  border: 2px solid var(--go); background: var(--paper); color: var(--go); }
button.go { background: var(--go); color: var(--paper); }
button:focus-visible, input:focus-visible { outline: 3px solid var(--go); outline-offset: 2px; }
"""


def page(title: str, content: str) -> str:
    """Return a whole page that says first that it is a sandbox."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · Sandbox</title>"
        '<link rel="stylesheet" href="/sandbox.css"><link rel="icon" href="data:,"></head>'
        '<body><header><p class="notice"><strong>Sandbox.</strong> This is not the real HubSpot. '
        "No real account is involved.</p></header>"
        f"<main><h1>{escape(title)}</h1>{content}</main></body></html>"
    )


def show(server: HubSpotServer, request: Request) -> Response:
    """Show who asks for what, or why that cannot be asked."""
    grant = _checked_grant(server, request)
    if isinstance(grant, Response):
        return grant
    data = grant.request.payload.data
    parts = urlsplit(grant.redirect_uri)
    html = page("Connect an app to your account", _form(server.world, data, request.target, parts.netloc))
    return page_answer(html, form_targets=f"'self' {parts.scheme}://{parts.netloc}")


def decide(server: HubSpotServer, request: Request) -> Response:
    """Send the browser back with a code, or with `access_denied`."""
    grant = _checked_grant(server, request)
    if isinstance(grant, Response):
        return grant
    form = request.form
    account = form.get("account") or server.world.ways.account or next(iter(PORTALS))
    if account not in accounts(server.world):
        return refusal("This account is not one of yours. Go back and choose one from the list.")
    user = None if form.get("decision") == "deny" else account
    answer: Response = server.create_authorization_response(grant.request, grant_user=user, grant=grant)
    return answer


def accounts(world: World) -> dict[str, str]:
    """Return the accounts to choose from: the usual ones, and the one asked for through the control URL."""
    named = world.ways.account
    return PORTALS if not named or named in PORTALS else {**PORTALS, named: "Another account (sandbox)"}


def refusal(why: str) -> Response:
    """Return the error page that HubSpot, too, shows instead of going back to the app."""
    html = page("Authorization failed", f"<p>{escape(why)}</p><p>Nothing was connected. You may close this page.</p>")
    return page_answer(html, 400)


def _checked_grant(server: HubSpotServer, request: Request):  # type: ignore[no-untyped-def]  # Authlib has no types
    try:
        grant = server.get_consent_grant(request)
    except OAuth2Error as error:
        if error.error == "invalid_scope":
            return refusal(error.description)
        if getattr(error, "redirect_uri", None):
            return server.handle_error_response(request, error)
        return refusal(error.get_error_description() or error.error)
    data = grant.request.payload.data
    mismatch = scope_mismatch(server.world, data.get("scope", ""), data.get("optional_scope", ""))
    return refusal(mismatch) if mismatch else grant


def _form(world: World, data: dict[str, str], target: str, app_host: str) -> str:
    rights = "".join(
        f"<li>{escape(SCOPES.get(scope, 'A right of your own making'))} (<code>{escape(scope)}</code>)</li>"
        for scope in granted_scopes(world, data)
    )
    return (
        f"<p>The app at <code>{escape(app_host)}</code> asks for these rights:</p><ul>{rights}</ul>"
        f'<form method="post" action="{escape(target)}"><fieldset><legend>Choose an account</legend>'
        f"{_choices(world)}</fieldset>"
        '<div class="buttons"><button class="go" name="decision" value="allow">Connect app</button>'
        '<button name="decision" value="deny">Deny</button></div></form>'
    )


def _choices(world: World) -> str:
    chosen = world.ways.account or next(iter(PORTALS))
    return "".join(
        f'<label><input type="radio" name="account" value="{escape(key)}"{" checked" if key == chosen else ""}>'
        f"<span>{escape(name)}, account {escape(key)}</span></label>"
        for key, name in accounts(world).items()
    )
