"""From a TOML file to what it asks for. Nothing is written here, and no secret is put into an error."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path as FilePath
from typing import Any

from config.provision.endpoint import EndpointSpec, read_endpoint
from config.provision.gateway_token import TokenSpec, read_token
from config.provision.lines import Path, places
from config.provision.problems import BadFile, Document
from config.provision.reporting import ReporterSpec, read_reporter
from config.provision.sources import Sources, take_secret
from config.provision.table import Table
from config.provision.telling import RouteSpec, read_route
from config.provision.written import SLUG, take_slug
from secrets_vault.secret import Secret

KINDS = ("api_key", "bearer", "basic", "oauth2", "client_credentials", "jwt_bearer", "key_exchange")
PASTED_KINDS = ("api_key", "bearer", "basic", "key_exchange")
CUSTOM = "custom"
NO_SECRET = {
    "oauth2": "an oauth2 connection gets its tokens by consent; leave it out",
    "client_credentials": "a client_credentials connection has its secret in oauth_app; leave it out",
    "jwt_bearer": "a jwt_bearer connection has a key and claims; leave it out",
}
APP_KINDS = tuple(NO_SECRET)


@dataclass(frozen=True)
class AppSpec:
    """An OAuth app: described here, or by the name of an agency app."""

    name: str = ""
    client_id: str = ""
    client_secret: Secret | None = None
    scopes: tuple[str, ...] = ()
    optional_scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConnectionSpec:
    """One connection as the file describes it. `path` points back into the file."""

    path: Path
    slug: str
    provider: str
    kind: str
    environment: str | None = None
    made_on: date | None = None
    fields: dict[str, Secret] = field(default_factory=dict)
    app: AppSpec | None = None
    custom: dict[str, Any] | None = None
    rotate_after_days: int | None = None
    variables: dict[str, str] | None = None
    key: Secret | None = None
    claims: dict[str, str] | None = None
    tokens: dict[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True)
class ClientSpec:
    """One client with all that the file says about it."""

    path: Path
    slug: str
    name: str | None
    environments: tuple[str, ...] | None
    connections: tuple[ConnectionSpec, ...]
    tokens: tuple[TokenSpec, ...]
    endpoints: tuple[EndpointSpec, ...]
    reporters: tuple[ReporterSpec, ...] = ()
    routes: tuple[RouteSpec, ...] = ()


def read(file: FilePath, *, environ: dict[str, str] | None = None) -> tuple[Document, list[ClientSpec]]:
    """Return what a file asks for, and the document to refuse more of it. Raises BadFile."""
    try:
        text = file.read_text(encoding="utf-8-sig")  # an editor on Windows may write a mark first
        values = tomllib.loads(text)
    except OSError as error:
        raise BadFile(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadFile(f"{file}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise BadFile(_syntax_problem(file, error)) from None
    document = Document(str(file), places(text))
    top = Table(values, (), document)
    sources = Sources(file.parent, dict(os.environ) if environ is None else environ)
    clients = [_client(table, sources) for table in top.take_tables("client")]
    top.finish()
    if not clients:
        document.refuse(("client",), "there is no [[client]] in this file")
    _refuse_doubles(document, clients)
    document.finish()
    return document, [client for client in clients if client is not None]


def _syntax_problem(file: FilePath, error: tomllib.TOMLDecodeError) -> str:
    line = re.search(r"at line (\d+)", str(error))
    return f"{file}:{line[1] if line else 1}: (file): is not TOML: {error}"


def _client(table: Table, sources: Sources) -> ClientSpec | None:
    slug = take_slug(table, "slug", longest=60)
    name = table.take_text("name", longest=120)
    environments = table.take_texts("environments")
    for environment in environments or []:
        if not SLUG.fullmatch(environment) or len(environment) > 40:
            table.refuse("environments", "must be lower case words joined by -, at most 40 characters each")
    if environments == []:
        table.refuse("environments", "must name at least one")
    connections = [_connection(row, sources) for row in table.take_tables("connection")]
    tokens = [read_token(row) for row in table.take_tables("gateway_token")]
    endpoints = [read_endpoint(row, sources) for row in table.take_tables("webhook_endpoint")]
    reporters = [read_reporter(row) for row in table.take_tables("api_token")]
    routes = [read_route(row, sources) for row in table.take_tables("alert_route")]
    table.finish()
    if slug is None:
        return None
    return ClientSpec(
        table.path,
        slug,
        name,
        None if environments is None else tuple(environments),
        tuple(one for one in connections if one),
        tuple(one for one in tokens if one),
        tuple(one for one in endpoints if one),
        tuple(one for one in reporters if one),
        tuple(one for one in routes if one),
    )


def _connection(table: Table, sources: Sources) -> ConnectionSpec | None:
    slug = take_slug(table, "slug", longest=73)
    provider = table.take_text("provider", is_needed=True, longest=80)
    kind = _kind(table)
    custom = table.take_table("custom")
    if (provider == CUSTOM) != (custom is not None):
        table.refuse("custom", 'the table and provider = "custom" belong together')
    found = ConnectionSpec(
        table.path,
        slug or "",
        provider or "",
        kind or "",
        environment=table.take_text("environment", longest=40),
        made_on=table.take_date("made_on"),
        fields=_fields(table, kind, sources) | _further(table, kind, sources),
        app=_app(table, kind, sources),
        custom=None if custom is None else dict(custom.values),
        rotate_after_days=table.take_count("rotate_after_days", most=730),
        variables=_variables(table),
        key=_key(table, kind, sources),
        claims=_claims(table, kind),
        tokens=_tokens(table, kind, sources),
    )
    table.finish()
    return found if slug and provider and kind else None


def _kind(table: Table) -> str | None:
    return table.take_choice("kind", KINDS)


def _fields(table: Table, kind: str | None, sources: Sources) -> dict[str, Secret]:
    """Return the values of the credential by their field names."""
    username = table.take_text("username")
    if kind in NO_SECRET and table.has("secret"):
        table.refuse("secret", NO_SECRET[kind])
    secret = take_secret(table, "secret", sources)
    if kind == "key_exchange" and username is not None:
        return {"username": Secret(username)} | ({"password": secret} if secret else {})
    if kind != "basic":
        if username is not None:
            table.refuse("username", "belongs to kind basic")
        name = {"api_key": "api_key", "bearer": "token", "key_exchange": "api_key"}.get(kind or "")
        return {name: secret} if name and secret else {}
    if (username is None) != (not table.has("secret")):
        table.refuse("username" if username is None else "secret", "is missing; basic needs both")
    return {"username": Secret(username), "password": secret} if username and secret else {}


def _further(table: Table, kind: str | None, sources: Sources) -> dict[str, Secret]:
    """Return the values beside the credential's own: `fields = { application_key = { env = "…" } }`."""
    given = table.take_table("fields")
    if given is None:
        return {}
    if kind not in (*PASTED_KINDS, None):
        table.refuse("fields", "belongs to kinds api_key, bearer, basic and key_exchange")
    return {name: value for name in list(given.values) if (value := take_secret(given, name, sources)) is not None}


def _app(table: Table, kind: str | None, sources: Sources) -> AppSpec | None:
    named = table.take_text("app", longest=120)
    inline = table.take_table("oauth_app")
    if kind not in (*APP_KINDS, None) and (named or inline):
        table.refuse("oauth_app" if inline else "app", f"belongs to kinds {', '.join(APP_KINDS)}")
    if named and inline:
        table.refuse("app", "give either oauth_app or app, not both")
    if inline is None:
        return AppSpec(name=named) if named else None
    name = inline.take_text("app", longest=120)
    client_id = inline.take_text("client_id", is_needed=name is None)
    secret = take_secret(inline, "client_secret", sources)
    scopes = inline.take_texts("scopes") or []
    optional = inline.take_texts("optional_scopes") or []
    if name and (client_id or secret):
        inline.refuse("app", "give either the name of an agency app or a client_id, not both")
    inline.finish()
    return AppSpec(name or "", client_id or "", secret, tuple(scopes), tuple(optional))


def _key(table: Table, kind: str | None, sources: Sources) -> Secret | None:
    """Return the private key: a PEM, or a service account's JSON file as it was downloaded."""
    key = take_secret(table, "key", sources, has_lines=True)
    if key is not None and kind not in ("jwt_bearer", None):
        table.refuse("key", "belongs to kind jwt_bearer")
    return key


def _claims(table: Table, kind: str | None) -> dict[str, str] | None:
    given = table.take_table("claims")
    if given is None:
        return None
    if kind not in ("jwt_bearer", None):
        table.refuse("claims", "belongs to kind jwt_bearer")
    return {name: text for name in given.values if (text := given.take_text(name, longest=500)) is not None}


def _tokens(table: Table, kind: str | None, sources: Sources) -> dict[str, Secret]:
    """Return the tokens of a consent that was given elsewhere to the same OAuth app."""
    given = table.take_table("tokens")
    if given is None:
        return {}
    if kind not in ("oauth2", None):
        table.refuse("tokens", "belongs to kind oauth2")
    named = ("refresh_token", "access_token")
    found = {name: value for name in named if (value := take_secret(given, name, sources)) is not None}
    given.finish()
    if not found:
        table.refuse("tokens", "holds neither refresh_token nor access_token")
    return found


def _variables(table: Table) -> dict[str, str] | None:
    given = table.take_table("variables")
    if given is None:
        return None
    return {name: text for name in given.values if (text := given.take_text(name)) is not None}


def _refuse_doubles(document: Document, clients: list[ClientSpec | None]) -> None:
    known = [client for client in clients if client is not None]
    _refuse_twice(document, [((*c.path, "slug"), c.slug) for c in known])
    _refuse_twice(document, [((*one.path, "slug"), one.slug) for c in known for one in c.connections])
    _refuse_twice(document, [((*one.path, "slug"), one.slug) for c in known for one in c.endpoints])
    for client in known:
        for named in (client.tokens, client.reporters, client.routes):
            _refuse_twice(document, [((*one.path, "name"), one.name) for one in named])


def _refuse_twice(document: Document, named: list[tuple[Path, str]]) -> None:
    seen = set()
    for path, name in named:
        if name in seen:
            document.refuse(path, f"{name} is named twice in this file")
        seen.add(name)
