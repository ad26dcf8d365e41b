"""How a program calls a connection through the gateway: ready to paste, for each tool that consultants use."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from dashboard.pages.connection.sdks import OPENAI_SHAPED, Sdk, sdks_for
from dashboard.quoting import literal, shell
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
    return provider.probe.path if provider.probe and not provider.probe.url else "/"


@dataclass(frozen=True)
class Example:
    """The call that every recipe makes: the provider's cheapest, through the gateway."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    @classmethod
    def of(cls, connection: Connection, provider: Provider) -> Example:
        """Return the example of a connection, with what its provider's call needs beyond the credential."""
        probe = provider.probe
        url = gateway_url(connection) + example_path(provider)
        if probe is None or probe.url:
            return cls("GET", url)
        media = (("Content-Type", "application/json"),) if probe.body else ()
        return cls(probe.method, url, (*probe.headers.items(), *media), probe.body)

    def all_headers(self, token: str) -> tuple[tuple[str, str], ...]:
        """Return the headers with the one that carries the gateway token first."""
        return (("Authorization", f"Bearer {token}"), *self.headers)


def recipes_for(connection: Connection, provider: Provider, *, token: str = PLACEHOLDER) -> list[Recipe]:
    """Return every way to call this connection; `token` is the text of a token just made, else a placeholder."""
    example, base = Example.of(connection, provider), gateway_url(connection)
    sdks = sdks_for(provider)
    made = [_openai(base, token)] if any(sdk.provider == OPENAI_SHAPED for sdk in sdks) else []
    made += [_curl(example, token), _python(example, token), _node(example, token)]
    made += [_sdk(sdk, base, token) for sdk in sdks]
    return [*made, _make(example, token), _zapier(example, token), _n8n(example.url, token)]


def _openai(base: str, token: str) -> Recipe:
    return Recipe(
        "openai",
        _("OpenAI's libraries"),
        _("Change these two, and nothing else in the program. Other programs that speak to OpenAI take them, too."),
        ((_("Base URL"), base), (_("API key"), token)),
    )


def _sdk(sdk: Sdk, base: str, token: str) -> Recipe:
    intro = _("The vendor's own library, with its base URL and its key changed.")
    return Recipe(f"{sdk.language}-{sdk.provider}", sdk.title, intro, code=sdk.program(base, token))


def _curl(example: Example, token: str) -> Recipe:
    how = "--head" if example.method == "HEAD" else f"-X {example.method}"
    parts = [f"curl -sS {how} {shell(example.url)}"]
    parts += [f"-H {shell(f'{name}: {value}')}" for name, value in example.all_headers(token)]
    parts += [f"--data {shell(example.body)}"] if example.body else []
    return Recipe("curl", "curl", _("In a terminal."), code=" \\\n  ".join(parts) + "\n")


def _python(example: Example, token: str) -> Recipe:
    body = f"    data={literal(example.body)},\n" if example.body else ""
    code = (
        "import requests\n\n"
        "answer = requests.request(\n"
        f"    {literal(example.method)},\n"
        f"    {literal(example.url)},\n"
        f"    headers={_object(example.all_headers(token))},\n"
        f"{body}"
        "    timeout=60,\n"
        ")\n"
        "print(answer.status_code, answer.text)\n"
    )
    return Recipe("python", "Python", _("With the requests library; httpx takes the same words."), code=code)


def _node(example: Example, token: str) -> Recipe:
    body = f"  body: {literal(example.body)},\n" if example.body else ""
    code = (
        f"const answer = await fetch({literal(example.url)}, {{\n"
        f"  method: {literal(example.method)},\n"
        f"  headers: {_object(example.all_headers(token))},\n"
        f"{body}"
        "});\n"
        "console.log(answer.status, await answer.text());\n"
    )
    return Recipe("node", "Node.js", _("With fetch, which Node has built in."), code=code)


def _object(pairs: Iterable[tuple[str, str]]) -> str:
    """Return an object of strings, as JSON, Python and JavaScript write it."""
    return "{" + ", ".join(f"{literal(name)}: {literal(value)}" for name, value in pairs) + "}"


def _fields(example: Example, token: str) -> tuple[tuple[str, str], ...]:
    headers = [(_("Header: {name}").format(name=name), value) for name, value in example.all_headers(token)]
    return (*headers, *(((_("Body"), example.body),) if example.body else ()))


def _make(example: Example, token: str) -> Recipe:
    fields = (("URL", example.url), (_("Method"), example.method), *_fields(example, token))
    return Recipe("make", "Make", _("Add the module HTTP, “Make a request”, and fill in these fields."), fields)


def _zapier(example: Example, token: str) -> Recipe:
    fields = ((_("Method"), example.method), ("URL", example.url), *_fields(example, token))
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
    example = Example.of(connection, provider)
    parameters: dict[str, Any] = {
        "method": example.method,
        "url": example.url,
        "authentication": "genericCredentialType",
        "genericAuthType": "httpHeaderAuth",
    }
    if example.headers:
        said = [{"name": name, "value": value} for name, value in example.headers]
        parameters |= {"sendHeaders": True, "headerParameters": {"parameters": said}}
    if example.body:
        parameters |= {"sendBody": True, "specifyBody": "json", "jsonBody": example.body}
    node = {
        "parameters": {**parameters, "options": {}},
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, gateway_url(connection))),
        "name": f"{provider.name}, {connection.client.name}",
        "type": N8N_NODE,
        "typeVersion": N8N_VERSION,
        "position": [0, 0],
    }
    return json.dumps({"nodes": [node], "connections": {}}, indent=2, ensure_ascii=False)
