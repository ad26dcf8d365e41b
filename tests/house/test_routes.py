"""What every answer has in common, whoever wrote the page: headers, cookies, and that looking changes nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone

from dashboard import demo_data
from integrations.models import Connection
from secrets_vault.models import Client, StoredSecret, User
from tests.house.route_table import PUBLIC, ROWS, routes
from tests.house.test_access_matrix import mine_of
from tests.house.world import changed, everything_stored, make_world

pytestmark = pytest.mark.django_db
ALL = routes()
NO_REAL_PASSKEY = ("mfa_add_webauthn", "mfa_reauthenticate_webauthn", "mfa_authenticate")  # the world's has no key
MARKED = "<script>alert(1)</script>"
POLICY = (
    "default-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "form-action 'self'",
    "require-trusted-types",
)


@pytest.fixture
def world(db):
    return make_world()


def lacking(answer) -> list[str]:
    """Return what is wrong with an answer's headers."""
    said = answer.headers
    wrong = [part for part in POLICY if part not in said.get("Content-Security-Policy", "")]
    wrong += ["unsafe"] if "unsafe" in said.get("Content-Security-Policy", "") else []
    expected = {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    wrong += [name for name, value in expected.items() if said.get(name) != value]
    wrong += [] if said.get("Permissions-Policy") else ["Permissions-Policy"]
    return wrong + ([] if "no-store" in said.get("Cache-Control", "") else ["Cache-Control"])


class Inline(HTMLParser):
    """Collects what our CSP would block, and addresses that are scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in named and named.get("type") != "application/json"):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if name == "style" or name.startswith(("on", "hx-on")):
                self.found.append(f"{tag} {name}")
            if (
                name in ("href", "src", "action", "formaction")
                and tag != "img"
                and re.match(r"\s*(javascript|data|vbscript):", value or "")
            ):
                self.found.append(f"{tag} {name}={value}")


def inline_in(answer) -> list[str]:
    if not answer.headers.get("Content-Type", "").startswith("text/html") or answer.streaming:
        return []
    parser = Inline()
    parser.feed(answer.content.decode())
    return parser.found


def every_answer(world, who: str):
    """Yield what each address answers to this person by each method, and to a few wrong requests."""
    browser = world.browser_of(who)
    for route in ALL:
        if route.name == "account_logout":
            continue
        for method in ("get", "post", "head", "options", "delete"):
            yield f"{method} {route.name}", getattr(browser, method)(mine_of(world, route))
    yield "404", browser.get("/nothing/here")
    yield "404 without its slash", browser.get("/clients")
    yield "400 host", browser.get("/", headers={"host": "evil.example"})
    yield "another host of ours", browser.get("/", headers={"host": "127.0.0.1"})
    yield "400 path", browser.get("/clients/%00/")


@pytest.mark.matrix
@pytest.mark.parametrize("who", ["owner", "manager", "viewer", "anonymous"])
def test_every_answer_has_our_headers_and_no_inline_script(world, who):
    strays = [
        (name, answer.status_code, lacking(answer), inline_in(answer)) for name, answer in every_answer(world, who)
    ]
    assert [found for found in strays if found[2] or found[3]] == []
    assert {302, 400, 404, 405} <= {status for _, status, *_ in strays}
    assert [f[:2] for f in strays if f[1] >= 500 and not f[0].split()[1].startswith(NO_REAL_PASSKEY)] == []


@pytest.mark.django_db
def test_looking_changes_nothing_on_the_demo():
    mira = User.objects.create_user("mira@example.com", None, name="Mira", is_owner=True)
    EmailAddress.objects.create(user=mira, email=mira.email, verified=True, primary=True)
    demo_data.make(demo_data.Size(clients=2, connections_each=3, calls=120, days=3), now=timezone.now())
    world = make_world_of_the_demo(mira)
    browser = world.browser_of("owner")
    before, strays = everything_stored(), []
    for route in ALL:
        if "get" in ROWS[route.name].methods:
            for method in ("get", "head"):
                getattr(browser, method)(mine_of(world, route))
                if tables := changed(before):
                    strays.append((method, route.name, tables))
                    before = everything_stored()
    assert strays == []


def make_world_of_the_demo(mira):
    """Return a world whose owner sees the demo's rows beside the two clients'."""
    world = make_world()
    world.people["owner"] = mira
    demo = Client.objects.filter(is_demo=True).first()
    world.acme.of["client"] = demo
    world.acme.of["secret"] = StoredSecret.objects.filter(client=demo).first()
    world.acme.of["connection"] = Connection.objects.filter(client=demo).first()
    return world


ODD = ("", "²", "9" * 5000, "-1", "\x00", "null", "../..", MARKED, "00000000-0000-0000-0000-000000000000", "é" * 300)
NAMES = re.findall(
    r"\w+",
    """which do chosen client field version slug days reason back name label place provider_key value_api_key made_on
    text how q passphrase after from since until area state kind environment all format decision scopes order page
    token_name method path body connections days_left percent email password login code next""",
)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_whatever_a_form_or_an_address_says_nothing_breaks(world, odd):
    browser, strays = world.browser_of("manager"), []
    for route in ALL:
        row, address = ROWS[route.name], mine_of(world, route)
        if route.name in ("account_logout", "dashboard:connection_probe") or route.name.startswith(NO_REAL_PASSKEY):
            continue
        answers = [browser.get(address, dict.fromkeys(NAMES, odd))] if "get" in row.methods else []
        answers += [browser.post(address, dict.fromkeys(NAMES, odd))] if "post" in row.methods else []
        strays += [(route.name, answer.status_code) for answer in answers if answer.status_code >= 500]
        strays += [
            (route.name, "open redirect") for a in answers if "//" in a.headers.get("Location", "").split("?")[0]
        ]
    assert strays == []


# Of each kind of row, the columns that a form of a manager may change; every other one is set by nobody's form.
FORMS = {
    "dashboard:client_edit": (
        "client",
        {"name": "New", "time_zone": "UTC", "language": "en"},
        {"name", "notes", "keep_webhooks_days", "keep_calls_days", "keep_bodies_days"},
    ),
    "dashboard:secret_edit": (
        "secret",
        {"label": "New", "rotate_on": ""},
        {"label", "owner_name", "where_used", "updated_at"},
    ),
    "dashboard:settings": (
        None,
        {"name": "New", "time_zone": "UTC", "language": "en"},
        {"name", "language", "wants_digest", "has_single_key_shortcuts"},
    ),
    "dashboard:connection_rename": ("connection", {"label": "New"}, {"label", "version"}),
}


@pytest.mark.parametrize("name", FORMS)
def test_fields_that_a_form_does_not_have_change_nothing(world, name):
    kind, typed, may_change = FORMS[name]
    row = world.acme.of[kind] if kind else world.people["manager"]
    beta, environment = world.beta.client, world.beta.of["environment"]
    evil = {field.name: "1" for field in row._meta.concrete_fields if field.name not in ("id", "rotate_after_days")}
    evil |= {"client": str(beta.pk), "client_id": str(beta.pk), "environment": str(environment.pk), "id": str(beta.pk)}
    evil |= {"slug": "taken-over", "is_owner": "1", "email": "evil@example.com", "pk": str(beta.pk), "version": "99"}
    route, browser = next(route for route in ALL if route.name == name), world.browser_of("manager")
    before = type(row).objects.filter(pk=row.pk).values().get()
    answer = browser.post(mine_of(world, route), evil | typed)
    assert answer.status_code == 302, answer.content[-600:]
    after = type(row).objects.filter(pk=row.pk).values().get()
    assert {column for column in after if after[column] != before[column]} <= may_change
    assert after != before


def test_cookies_over_http_are_out_of_reach_of_scripts_and_other_sites(world):
    assert not settings.IS_HTTPS
    person = world.people["viewer"]
    person.set_password("tavoki-lumare-pidosu")
    person.save()
    browser = Browser(SERVER_NAME="localhost")
    browser.get("/accounts/login/")
    browser.post("/accounts/login/", {"login": person.email, "password": "tavoki-lumare-pidosu"})
    route = next(route for route in ALL if route.name == "integrations:start")
    browser.post(mine_of(world, route))
    assert {"keylodge_session", "keylodge_csrf", "keylodge_device"} <= set(browser.cookies)
    for cookie in browser.cookies.values():
        assert cookie["httponly"], cookie.key
        assert cookie["samesite"] == "Lax", cookie.key
        assert not cookie["domain"], cookie.key
        assert cookie["path"] == "/", cookie.key


class Stay(HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def ask(live, path, form=None, **headers):
    """Ask as a proxy with a certificate does."""
    headers = {"Host": "keys.example.com", "X-Forwarded-Proto": "https"} | headers
    request = Request(f"http://127.0.0.1:{live.port}{path}", urlencode(form).encode() if form else None, headers)
    try:
        return build_opener(Stay).open(request, timeout=20)
    except HTTPError as refused:
        return refused


@pytest.mark.processes
def test_over_https_every_cookie_is_bound_to_the_host_and_every_answer_is_guarded(start_keylodge):
    live = start_keylodge(KEYLODGE_PUBLIC_URL="https://keys.example.com")
    email, password = live.make_owner()
    page = ask(live, "/accounts/login/")
    text = page.read().decode()
    csrf = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)[1]
    first = page.headers.get_all("Set-Cookie")
    jar = "; ".join(c.split(";")[0] for c in first)
    form = {"login": email, "password": password, "csrfmiddlewaretoken": csrf}
    origin = "https://keys.example.com"
    signed_in = ask(live, "/accounts/login/", form, Cookie=jar, Origin=origin, Referer=f"{origin}/accounts/login/")
    assert signed_in.status == 302, signed_in.read()[-500:]
    cookies = first + signed_in.headers.get_all("Set-Cookie")
    assert {c.split("=")[0] for c in cookies} >= {f"__Host-keylodge_{n}" for n in ("csrf", "session", "device")}
    for cookie in cookies:
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= parts, cookie
        assert not any(part.startswith("domain") for part in parts), cookie
    for path in (
        "/accounts/login/",
        "/nothing",
        "/healthz",
        "/readyz",
        "/gateway/x",
        "/hooks/x",
        "/static/css/tokens.css",
        "/",
    ):
        answer = ask(live, path)
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"] or path.startswith("/gateway"), (
            path
        )
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert answer.headers["Referrer-Policy"] == "same-origin" or path.startswith("/gateway"), path
    hsts = ask(live, "/accounts/login/").headers["Strict-Transport-Security"]
    assert int(re.search(r"max-age=(\d+)", hsts)[1]) >= 31_536_000
    plain = ask(live, "/accounts/login/", **{"X-Forwarded-Proto": "http"})
    assert plain.status == 301
    assert plain.headers["Location"].startswith("https://keys.example.com/")


def test_only_listed_addresses_are_public():
    assert sorted(name for name, row in ROWS.items() if row.who == PUBLIC) == sorted(PUBLIC_ADDRESSES)


PUBLIC_ADDRESSES = re.findall(
    r"\S+",
    """readyz setup api:openapi-json api:report_error api:api-root api:nothing
    dashboard:language integrations:callback integrations:connect integrations:thanks
    integrations:request integrations:logo integrations:calendar
    integrations:handover integrations:handover_hidden integrations:certificate_check
    account_login account_logout account_inactive account_signup account_email_verification_sent
    account_reset_password account_reset_password_done account_reset_password_from_key
    account_reset_password_from_key_done account_confirm_login_code account_confirm_email
    mfa_authenticate mfa_login_webauthn""",
)
