"""How a program calls a connection through the gateway: ready to paste, for each tool that consultants use."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from integrations.models import Connection
from integrations.providers.shape import Provider

PLACEHOLDER = "YOUR_GATEWAY_TOKEN"
# n8n's own names, as its HTTP Request node exports them (version 4.2 of the node).
N8N_NODE = "n8n-nodes-base.httpRequest"
N8N_VERSION = 4.2


@dataclass(frozen=True)
class Recipe:
    """One way to call: fields to fill in, in their tool's own order and words, and a program to paste."""

    key: str
    title: str
    intro: str
    fields: tuple[tuple[str, str], ...] = ()
    code: str = ""


def gateway_url(connection: Connection) -> str:
    """Return the address that stands in place of the provider's own."""
    return f"{settings.KEYLODGE_PUBLIC_URL}/gateway/{connection.slug}"


def example_path(provider: Provider) -> str:
    """Return a path to begin with: the provider's cheapest call."""
    return provider.probe.path if provider.probe else "/"


def is_like_openai(provider: Provider) -> bool:
    """Tell whether OpenAI's own libraries can speak to it."""
    return "openai" in (provider.key, provider.errors_like)


def recipes_for(connection: Connection, provider: Provider, *, token: str = PLACEHOLDER) -> list[Recipe]:
    """Return every way to call this connection; `token` is the text of a token just made, else a placeholder."""
    base, path = gateway_url(connection), example_path(provider)
    method = provider.probe.method if provider.probe else "GET"
    url = base + path
    made = [_curl(url, token, method=method), _python(url, token, method=method), _node(url, token, method=method)]
    made += [_make(url, token, method=method), _zapier(url, token, method=method), _n8n(url, token)]
    if is_like_openai(provider):
        made.insert(0, _openai(base, token))
    return made


def _openai(base: str, token: str) -> Recipe:
    return Recipe(
        "openai",
        "OpenAI libraries",
        _("Change these two, and nothing else in the program."),
        ((_("Base URL"), base), (_("API key"), token)),
        f'from openai import OpenAI\n\nclient = OpenAI(base_url="{base}", api_key="{token}")\n'
        "print(client.models.list())\n",
    )


def _curl(url: str, token: str, *, method: str) -> Recipe:
    code = f'curl -X {method} "{url}" \\\n  -H "Authorization: Bearer {token}"\n'
    return Recipe("curl", "curl", _("In a terminal."), code=code)


def _python(url: str, token: str, *, method: str) -> Recipe:
    code = (
        "import requests\n\n"
        f'answer = requests.request("{method}", "{url}",\n'
        f'                          headers={{"Authorization": "Bearer {token}"}}, timeout=60)\n'
        "print(answer.status_code, answer.text)\n"
    )
    return Recipe("python", "Python", _("With the requests library."), code=code)


def _node(url: str, token: str, *, method: str) -> Recipe:
    code = (
        f'const answer = await fetch("{url}", {{\n'
        f'  method: "{method}",\n'
        f'  headers: {{ Authorization: "Bearer {token}" }},\n'
        "});\n"
        "console.log(answer.status, await answer.text());\n"
    )
    return Recipe("node", "Node.js", _("With fetch, which Node has built in."), code=code)


def _make(url: str, token: str, *, method: str) -> Recipe:
    fields = (
        ("URL", url),
        ("Method", method),
        ("Header name", "Authorization"),
        ("Header value", f"Bearer {token}"),
    )
    return Recipe("make", "Make", _("Add the module HTTP, “Make a request”, and fill in these fields."), fields)


def _zapier(url: str, token: str, *, method: str) -> Recipe:
    fields = (
        ("Method", method),
        ("URL", url),
        ("Header name", "Authorization"),
        ("Header value", f"Bearer {token}"),
    )
    return Recipe("zapier", "Zapier", _("Add Webhooks by Zapier, the action “Custom Request”."), fields)


def _n8n(url: str, token: str) -> Recipe:
    intro = _(
        "Download the node and paste it into a workflow. In it, choose or make a credential of "
        "type “Header Auth” with these two fields: the token is then in n8n's credentials and "
        "not in the workflow."
    )
    fields = (("Name", "Authorization"), ("Value", f"Bearer {token}"), ("URL", url))
    return Recipe("n8n", "n8n", intro, fields)


def n8n_workflow(connection: Connection, provider: Provider) -> str:
    """Return an HTTP Request node that n8n imports or takes from the clipboard. It holds no token."""
    node: dict[str, Any] = {
        "parameters": {
            "method": provider.probe.method if provider.probe else "GET",
            "url": gateway_url(connection) + example_path(provider),
            "authentication": "genericCredentialType",
            "genericAuthType": "httpHeaderAuth",
            "options": {},
        },
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, gateway_url(connection))),
        "name": f"{provider.name}, {connection.client.name}",
        "type": N8N_NODE,
        "typeVersion": N8N_VERSION,
        "position": [0, 0],
    }
    return json.dumps({"nodes": [node], "connections": {}}, indent=2, ensure_ascii=False)
