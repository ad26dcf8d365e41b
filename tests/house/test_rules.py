"""The rules of the house. Each message says what to do instead."""

from __future__ import annotations

import re

import pytest

from tests.house.source import ROOT, is_behind, modules, template_text, templates

pytestmark = pytest.mark.matrix  # no database: one engine is enough

STAIRS = {
    "secrets_vault": ("integrations", "dashboard", "config"),
    "integrations": ("dashboard", "config"),
    "dashboard": ("config",),
}

LIBRARY_DOORS = {
    "cryptography": ("secrets_vault/envelope.py", "secrets_vault/signatures.py"),
    "pyrage": ("secrets_vault/backup/",),
    "reportlab": ("integrations/offboarding/pdf.py",),
    "authlib": ("integrations/oauth/", "integrations/sandbox/", "integrations/injecting/oauth1.py"),
    "joserfc": ("integrations/jwt/", "integrations/oauth/", "integrations/sandbox/"),
    "httptools": ("integrations/outbound/wire.py",),
    "aiohappyeyeballs": ("integrations/outbound/dial.py",),
    "celery": ("config/celery.py", "config/child.py", "integrations/tasks.py"),
    "granian": ("config/web.py",),
    "uvloop": ("config/web.py",),
    "a2wsgi": ("config/pages.py",),
    "sqlite3": ("integrations/gateway/reading.py", "secrets_vault/backup/"),
    "psycopg": (
        "config/postgresql/",
        "integrations/call_log/tables.py",
        "integrations/gateway/reading.py",
        "secrets_vault/generation.py",
    ),
    "icalendar": ("integrations/calendar/",),
    "ninja": ("integrations/api/",),
    "pydantic": ("integrations/api/",),
    "PIL": ("integrations/agency.py",),
    "requests": ("integrations/alerts/routes/apprise/transport.py",),
    "apprise": ("integrations/alerts/routes/apprise/",),
    "httpx": (),
    "urllib.request": ("integrations/sandbox/",),
    "http.client": ("integrations/sandbox/",),
    "pickle": (),
    "marshal": (),
    "shelve": (),
}

EXPOSE_DOORS = (
    "integrations/rotating/drivers/vendor.py",  # a key, on its way to the vendor that makes the next one
    "secrets_vault/secret.py",
    "secrets_vault/vault/",  # seals, and answers use, reveal and copy
    "secrets_vault/backup/",  # the passphrase of a backup
    "secrets_vault/people/adapters.py",  # TOTP seeds, for the authenticator's check
    "secrets_vault/people/sessions.py",  # the sealed data of a session
    "secrets_vault/management/commands/create_owner.py",  # the password from stdin, on its way to the hasher
    "integrations/oauth/",  # refresh tokens and client secrets, on their way to the token endpoint
    "integrations/gateway/route.py",  # the credential, on its way into the upstream request
    "integrations/gateway/held/callbacks.py",  # where to say how such a call ended, looked at before it is sent there
    "integrations/gateway/held/sealing.py",  # a request that waits, on its way into the gateway or the masker
    "integrations/gateway/stale/keeping.py",  # a good answer that was kept, on its way to the caller it was kept for
    "integrations/probe_call.py",  # the same for the test of a connection
    "dashboard/pages/vault/showing.py",  # the one page that shows a value to a person
    "integrations/importing/",  # values of a file, on their way to their masks and into the sealed draft
    "dashboard/pages/connection/tokens.py",  # a new gateway token, shown once on the page that made it
    "secrets_vault/recovery_kit.py",  # the wrapping key, printed for the password manager
    "integrations/webhooks/targets.py",  # a target's address, on its way to the check of where it leads
    "integrations/webhooks/destinations.py",  # the same, cut into what its answers must not tell
    "integrations/webhooks/sender.py",  # the same, on its way to the outside
    "integrations/webhooks/signing.py",  # a target's signing secret, as the bytes to sign with
    "integrations/webhooks/sealing.py",  # payloads and addresses, on their way to the forwarder and the masker
    "integrations/alerts/routes/addresses.py",  # where alerts are to go, on its way to the check of where that leads
    "integrations/alerts/routes/sealing.py",  # the same, on its way to its mask
    "integrations/alerts/routes/posting.py",  # the same, on its way to the outside
    "integrations/sandbox_control/webhooks.py",  # the sandbox's own secret, on its way back to the sandbox
    "integrations/webhooks/making.py",  # an address to hand on to, read for its host before it is sealed
    "integrations/connections/credential.py",  # a pasted value, looked at before it is stored
    "integrations/connections/granting.py",
    "integrations/connections/pasted_key.py",  # a pasted private key or token, likewise
    "integrations/handover/views.py",  # what a one-time link holds, on its way into the page that it was made for
    "integrations/handover/making.py",  # a text to share, measured before it is sealed
    "integrations/links/nudging.py",  # a link's token, on its way into the mail that reminds of it
    "config/management/commands/run.py",  # an environment's values, on their way into the program's variables
    "integrations/dotenv.py",  # an .env file, cut into names and values
    "integrations/providers/recognising.py",  # the shape of a pasted value
    "integrations/webhooks/key_material.py",  # a webhook's secret, as the bytes that its scheme signs with
    "integrations/api/test_sender.py",  # a token's text of one minute, on its way into the header of a test
    "dashboard/pages/alerts/showing.py",  # a new route's signing secret, on the one page that shows it
    "dashboard/pages/reporting/tokens.py",  # the text of a token just made, on its way into the page that shows it once
    "config/provision/applying.py",  # a new gateway token, printed once in the run that made it
)

ALL_ROWS = (
    "dashboard/pages/settings/background.py",  # sweeps belong to no client
    "dashboard/needs.py",  # loads by the ids of rows that were asked for by access
    "dashboard/tightest.py",  # the same
)

NAMES_WITHOUT_AN_END = ("utils.py", "util.py", "services.py", "helpers.py", "managers.py", "common.py", "misc.py")
WITHOUT_CSRF = (
    "integrations/api/urls.py",  # no cookie opens the API: a Bearer token does, which no foreign page can send
    "integrations/handover/views.py",  # the same, for a one-time link
    "integrations/links/request_views.py",  # the same as the next one
    "integrations/offboarding/views.py",  # the same, for the check of a certificate
    "integrations/links/views.py",  # a client without a session: the POST is checked by Origin against PUBLIC_URL
)
SAFE_MARKUP = ("config/errors.py", "dashboard/templatetags/")


def places(found: list[str]) -> str:
    """Write findings one to a line."""
    return "\n  " + "\n  ".join(found)


@pytest.mark.parametrize("floor", STAIRS)
def test_the_stairs_only_go_down(floor):
    climbs = [
        f"{module.name}:{line} imports {name}"
        for module in modules(floor)
        for line, name in module.imports()
        if name.partition(".")[0] in STAIRS[floor]
    ]
    assert not climbs, (
        f"{floor} may not import what stands above it. Move the code down, or pass what it needs in "
        f"as an argument; settings come from django.conf.{places(climbs)}"
    )


@pytest.mark.parametrize("library", LIBRARY_DOORS)
def test_a_dangerous_library_has_one_door(library):
    doors = LIBRARY_DOORS[library]
    strays = [
        f"{module.name}:{line}"
        for module in modules()
        for line, name in module.imports()
        if (name == library or name.startswith(f"{library}.")) and not is_behind(module.name, doors)
    ]
    assert not strays, (
        f"`{library}` is imported only behind {', '.join(doors) or 'no door at all'}. "
        f"Call the function that stands there, or propose a new door in review.{places(strays)}"
    )


def test_a_plaintext_is_taken_out_only_behind_listed_doors():
    strays = [
        f"{module.name}:{line}"
        for module in modules()
        for line in [*module.calls("expose"), *module.calls("expose_bytes")]
        if not is_behind(module.name, EXPOSE_DOORS)
    ]
    assert not strays, (
        "Secret.expose() is called outside its doors. Hand the Secret itself on and let the listed module "
        f"take the plaintext at the last moment.{places(strays)}"
    )


def test_the_sandbox_imports_nothing_of_the_product():
    strays = [
        f"{module.name}:{line} imports {name}"
        for module in modules("integrations")
        if module.name.startswith("integrations/sandbox/")
        for line, name in module.imports()
        if name.partition(".")[0] in STAIRS["secrets_vault"] + ("secrets_vault", "django")
        and not name.startswith("integrations.sandbox")
    ]
    assert not strays, (
        f"The sandbox plays the providers: a fault in the product must not excuse itself.{places(strays)}"
    )


def test_a_page_asks_access_for_its_rows():
    strays = [
        f"{module.name}:{line}"
        for module in modules("dashboard")
        for line in [*module.calls("objects", "get"), *module.calls("objects", "all")]
        if not is_behind(module.name, ALL_ROWS)
    ]
    assert not strays, (
        "A page never writes `.objects.get(…)` or `.objects.all()`. Use `Model.objects.visible_to(request.user)` "
        f"and get_object_or_404, so that a stranger gets 404.{places(strays)}"
    )


def test_no_file_is_named_for_a_layer():
    strays = [module.name for module in modules() if module.path.name in NAMES_WITHOUT_AN_END]
    assert not strays, (
        f"Such a file has no reason ever to stop growing. Name it for what happens in it.{places(strays)}"
    )


def test_every_module_says_what_it_is_for():
    import ast

    silent = [
        module.name for module in modules() if module.path.read_text().strip() and not ast.get_docstring(module.tree)
    ]
    assert not silent, f"A module's first line is its room's one sentence.{places(silent)}"


def test_no_file_outgrows_a_reader():
    long = [
        f"{module.name}: {lines} lines" for module in modules() if (lines := module.path.read_text().count("\n")) > 500
    ]
    assert not long, f"Past 300 lines look for the second room; 500 is the end.{places(long)}"


def test_every_form_is_protected_against_other_sites():
    strays = [
        f"{module.name}:{line}"
        for module in modules()
        for line, _name in module.names_used("csrf_exempt")
        if module.name not in WITHOUT_CSRF
    ]
    assert not strays, f"csrf_exempt needs a place in WITHOUT_CSRF here, with its reason.{places(strays)}"


def test_markup_is_made_by_format_html():
    strays = [
        f"{module.name}:{line} {name}"
        for module in modules()
        for line, name in module.names_used("mark_safe", "SafeString", "SafeText")
        if not is_behind(module.name, SAFE_MARKUP)
    ]
    for path in templates():
        strays += [
            f"{path.relative_to(ROOT)}: {found}"
            for found in re.findall(r"\|\s*safe(?:seq)?\b|{%\s*autoescape off", template_text(path))
        ]
    assert not strays, f"Use format_html, which escapes every value, or a component.{places(strays)}"


INLINE = re.compile(
    # A script of type application/json is data: nothing runs it.
    r"<script(?![^>]*(?:\bsrc=|type=\"application/json\"))[^>]*>|<style\b|\sstyle\s*=\s*[\"']|\son[a-z]+\s*=\s*[\"']|javascript:|hx-on|hx-vals=[\"']js:",
    re.IGNORECASE,
)


def test_no_template_has_inline_script_or_style():
    strays = [
        f"{path.relative_to(ROOT)}: {found.strip()}"
        for path in templates()
        for found in INLINE.findall(template_text(path))
    ]
    assert not strays, (
        "The CSP forbids it. Behaviour is a small file in static/js/ found by a data- attribute; "
        f"looks are a class in static/css/.{places(strays)}"
    )


def test_nothing_is_fetched_from_another_host():
    foreign = re.compile(
        r"<(?:script|link|img|iframe|source)[^>]+(?:src|href)=[\"'](?:https?:)?//[^\"']+", re.IGNORECASE
    )
    strays = [
        f"{path.relative_to(ROOT)}: {found}" for path in templates() for found in foreign.findall(template_text(path))
    ]
    assert not strays, f"Every script, style, font and image is our own file.{places(strays)}"


def test_every_htmx_request_stands_beside_a_plain_one():
    tags = re.compile(r"<[a-z][^>]*\bhx-(?:get|post)=[^>]*>")
    strays = [
        f"{path.relative_to(ROOT)}: {tag[:100]}"
        for path in templates()
        for tag in tags.findall(template_text(path))
        if not re.search(r"\b(href|action|formaction)=", tag) and "hx-trigger" not in tag
    ]
    assert not strays, f"The page works without JavaScript: put a real href or action beside it.{places(strays)}"


def test_no_setting_is_read_from_the_environment_elsewhere():
    strays = [
        f"{module.name}:{line}"
        for module in modules("secrets_vault", "integrations", "dashboard")
        if not is_behind(
            module.name,
            ("integrations/sandbox/", "integrations/sandbox_control/", "integrations/management/commands/sandbox.py"),
        )
        for line, _name in module.names_used("environ", "getenv")
    ]
    assert not strays, f"A variable is one line in config/env.py; read django.conf.settings.{places(strays)}"
