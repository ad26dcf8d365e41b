"""How a tool reports its errors: ready to paste, with the token's text where it was just made, else a placeholder."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.pages.connection.recipes import N8N_NODE, N8N_VERSION, Recipe
from dashboard.quoting import literal, shell
from integrations.models import ApiToken
from integrations.models.call import Source

PLACEHOLDER = "YOUR_API_TOKEN"
EXAMPLE = {"tool": "script", "workflow": "Nightly import", "step": "Create contact", "message": "What went wrong"}
KEY = "X-Keylodge-Idempotency-Key"


def intake_url() -> str:
    """Return the address that errors are posted to."""
    return settings.KEYLODGE_PUBLIC_URL + reverse("api:report_error")


def recipes_for(token: ApiToken, *, text: str = PLACEHOLDER) -> Sequence[Recipe]:
    """Return every way to report; that of the token's own tool comes first."""
    slug = token.connection.slug if token.connection else ""
    made = [_make(text, slug), _n8n(text), _zapier(text, slug), _curl(text, slug), _python(text, slug)]
    own = Source.SCRIPT if token.tool in ("", Source.OTHER) else token.tool
    return sorted(made, key=lambda recipe: recipe.key != ("curl" if own == Source.SCRIPT else own))


def _make(text: str, slug: str) -> Recipe:
    """Return the fields of Make's HTTP module. A form, since Make puts no backslash before a quote in mapped JSON."""
    mapped = (
        ("workflow", "{{var.scenario.name}}"),
        ("workflow_url", "{{var.scenario.url}}"),
        ("message", "{{1.error.message}}"),
        ("code", "{{1.error.type}}"),
    )
    intro = _(
        "Right-click the module that may fail, “Add error handler”, and add the module HTTP, “Make a request”. Instead "
        "of 1 write the number of the module that fails; the values in braces can also be picked from the list."
    )
    return Recipe(
        "make",
        "Make",
        intro,
        (
            ("URL", intake_url()),
            ("Method", "POST"),
            (_("Header: Authorization"), f"Bearer {text}"),
            (_("Header: {name}").format(name=KEY), "{{var.execution.id}}"),
            ("Body type", "application/x-www-form-urlencoded"),
            *((_("Field: {name}").format(name=name), value) for name, value in _about("make", slug) + mapped),
        ),
    )


def _about(tool: str, slug: str) -> tuple[tuple[str, str], ...]:
    return (("tool", tool), *((("connection", slug),) if slug else ()))


def _zapier(text: str, slug: str) -> Recipe:
    intro = _(
        "Make one Zap for all: the trigger Zapier Manager, “New Zap Error”, then Webhooks by Zapier, “POST”. In Data, "
        "map workflow to the Zap's title, step to the step's title, and message to the error."
    )
    fields = (
        ("URL", intake_url()),
        ("Payload type", "json"),
        *((_("Data: {name}").format(name=name), value) for name, value in _about("zapier", slug)),
        (_("Header: Authorization"), f"Bearer {text}"),
    )
    return Recipe("zapier", "Zapier", intro, fields)


def _n8n(text: str) -> Recipe:
    intro = _(
        "Download the workflow and import it. In its second node make a credential of type “Header Auth” with these "
        "two fields. Then choose it in the settings of each workflow, under “Error workflow”."
    )
    return Recipe("n8n", "n8n", intro, (("Name", "Authorization"), ("Value", f"Bearer {text}")))


def _curl(text: str, slug: str) -> Recipe:
    body = json.dumps({**EXAMPLE, **({"connection": slug} if slug else {})})
    code = (
        f"curl -sS -X POST {shell(intake_url())} \\\n"
        f"  -H {shell(f'Authorization: Bearer {text}')} \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  --data {shell(body)}\n"
    )
    return Recipe("curl", "curl", _("In a terminal, or at the end of a shell script."), code=code)


def _python(text: str, slug: str) -> Recipe:
    about = {"tool": "script", "workflow": EXAMPLE["workflow"], **({"connection": slug} if slug else {})}
    code = (
        "import json\n"
        "from urllib.request import Request, urlopen\n\n\n"
        'def report_error(message, step=""):\n'
        f"    about = {json.dumps(about, ensure_ascii=False)}\n"
        '    body = json.dumps({**about, "step": step, "message": message}).encode()\n'
        f'    headers = {{"Authorization": {literal(f"Bearer {text}")}, "Content-Type": "application/json"}}\n'
        f"    with urlopen(Request({literal(intake_url())}, body, headers), timeout=10) as answer:\n"
        '        return json.load(answer)["url"]\n\n\n'
        'print(report_error("What went wrong", step="Create contact"))\n'
    )
    return Recipe("python", "Python", _("With Python's own library; call it where you catch the error."), code=code)


def n8n_workflow(token: ApiToken) -> str:
    """Return an error workflow that n8n imports: it sends on what its Error Trigger gets. It holds no token."""
    trigger, sender = "Error Trigger", "Report to Keylodge"
    seed = f"{intake_url()}#{token.pk}"
    parameters: dict[str, Any] = {
        "method": "POST",
        "url": intake_url(),
        "authentication": "genericCredentialType",
        "genericAuthType": "httpHeaderAuth",
        "sendHeaders": True,
        "headerParameters": {"parameters": [{"name": KEY, "value": "=n8n-{{ $json.execution?.id ?? $execution.id }}"}]},
        "sendBody": True,
        "specifyBody": "json",
        "jsonBody": _n8n_body(token),
        "options": {},
    }
    nodes = [
        _node(trigger, "n8n-nodes-base.errorTrigger", 1, seed=seed, at=0, parameters={}),
        _node(sender, N8N_NODE, N8N_VERSION, seed=seed, at=220, parameters=parameters),
    ]
    nodes[1]["credentials"] = {"httpHeaderAuth": {"id": "", "name": "Keylodge: report errors"}}
    links = {trigger: {"main": [[{"node": sender, "type": "main", "index": 0}]]}}
    workflow = {"name": "Report errors to Keylodge", "nodes": nodes, "connections": links, "settings": {}}
    return json.dumps(workflow, indent=2, ensure_ascii=False)


def _n8n_body(token: ApiToken) -> str:
    if token.connection is None:
        return "={{ JSON.stringify($json) }}"
    return f"={{{{ JSON.stringify({{ ...$json, connection: {literal(token.connection.slug)} }}) }}}}"


def _node(name: str, kind: str, version: float, *, seed: str, at: int, parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "parameters": parameters,
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{seed}/{name}")),
        "name": name,
        "type": kind,
        "typeVersion": version,
        "position": [at, 0],
    }
