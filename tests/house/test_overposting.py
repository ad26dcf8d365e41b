"""A form sets its own fields only, whatever else is sent with it (CWE-915, API3)."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db.models import Model

from secrets_vault.models import User
from tests.house.route_table import ROWS, routes
from tests.house.test_access_matrix import mine_of
from tests.house.world import World, make_world

pytestmark = [pytest.mark.django_db, pytest.mark.matrix]
POSTED = [route for route in routes() if "post" in ROWS[route.name].methods]
# What no form of anybody sets in a row that exists: whose it is, what proves something, when it was made.
NEVER_CHANGED = {
    *("id", "client_id", "environment_id", "user_id", "for_client_id", "connection_id", "provider_key", "kind"),
    *("is_owner", "is_staff", "is_superuser", "is_active", "is_demo", "is_sandbox", "is_production", "password"),
    *("email", "token_hash", "key_hash", "state_hash", "mac", "sealed", "fingerprint", "role", "created_by_id"),
    *("created_at", "seq", "hash", "slug", "prefix", "refresh_token_hash", "secret_id", "wrapped"),
}
ENDS_SESSIONS = ("account_logout", "mfa_authenticate", "mfa_login_webauthn")
NO_REAL_PASSKEY = ("mfa_add_webauthn", "mfa_reauthenticate_webauthn")
# A new address for a calendar: the hash is of a token that was made then, whatever was sent.
MADE_ANEW = {(f"dashboard:{page}_calendar", "CalendarFeed", "token_hash") for page in ("client", "settings")}
MADE_ANEW |= {("dashboard:api_token_roll", "ApiToken", column) for column in ("prefix", "token_hash")}  # of a new text
MOVES_BY_ITSELF = ("Session", "LoginAttempt", "AuditHead", "KeyTerm")


def ours() -> list[type[Model]]:
    """Return the models of the product."""
    return [model for model in apps.get_models() if model._meta.app_label in ("secrets_vault", "integrations", "mfa")]


def every_name() -> list[str]:
    """Return the name of every column of every model, as a form would send it."""
    fields = [field for model in ours() for field in model._meta.concrete_fields]
    return sorted(
        {name for field in fields for name in (field.name, field.attname)} | {"pk", "is_staff", "is_superuser"}
    )


def rows_of(model: type[Model]) -> dict[Any, dict[str, Any]]:
    return {row[model._meta.pk.attname]: row for row in model._base_manager.values()}


def everything() -> dict[str, dict[Any, dict[str, Any]]]:
    return {model.__name__: rows_of(model) for model in ours() if model.__name__ not in MOVES_BY_ITSELF}


def strays_of(before: dict, after: dict, world: World) -> list[tuple]:
    """Return each column that changed and never may, and each new row of the client that is none of theirs.

    An empty column is something given up, such as the credential of a connection that was ended.
    """
    beta, found = world.beta.client.pk, []
    for kind, rows in after.items():
        for key, row in rows.items():
            old = before[kind].get(key)
            if old is None:
                found += [(kind, "new row of Beta")] if row.get("client_id") == beta and kind != "AuditEvent" else []
                continue
            changed = {name for name, value in row.items() if value != old[name] and value is not None}
            found += [(kind, name) for name in sorted(changed & NEVER_CHANGED)]
            found += [(kind, "row of Beta")] if changed and old.get("client_id") == beta else []
    return found


@pytest.fixture
def world(db):
    return make_world()


def evil_values(world: World) -> dict[str, list[str]]:
    """Return for every name a value that would do harm: the other client's ids, or a yes."""
    beta = world.beta
    ids = {"client": beta.client.pk, "for_client": beta.client.pk, "environment": beta.of["environment"].pk}
    ids |= {"connection": beta.of["connection"].pk, "secret": beta.of["secret"].pk, "user": world.people["owner"].pk}
    ids |= {"oauth_app": beta.of["app"].pk, "connections": beta.of["connection"].pk}
    values = dict.fromkeys(every_name(), "1")
    values |= {name: str(key) for name, key in ids.items()} | {f"{name}_id": str(key) for name, key in ids.items()}
    return values | {"email": "evil@example.com", "slug": "taken-over", "id": str(beta.client.pk), "role": "manager"}


FINE = {  # what a person does type, so that the forms are taken and not only refused
    "label": "New", "name": "New", "time_zone": "UTC", "language": "en", "rotate_on": "", "made_on": "2026-11-01",
    "api_key": "0123456789abcdef-new", "value_api_key": "0123456789abcdef-new", "days": "7", "hours": "1", "which": "",
    "token_name": "New", "do": "resolve", "back": "/", "even_if_used": "yes", "field": "api_key", "percent": "50",
    "methods": "GET", "per_minute": "60", "base_url": "http://127.0.0.1:9/api", "notes": "New", "environments": "",
}  # fmt: skip


@pytest.mark.parametrize("who", ["manager", "viewer"])
def test_no_form_sets_what_is_not_its_own(world, who):
    browser, strays, taken = world.browser_of(who), [], 0
    evil = evil_values(world)
    for route in POSTED:
        if route.name in ENDS_SESSIONS or route.name.startswith(NO_REAL_PASSKEY):
            continue
        for sent in (evil, evil | FINE):
            before = everything()
            answer = browser.post(mine_of(world, route), sent)
            taken += answer.status_code == 302
            found = strays_of(before, everything(), world)
            strays += [(route.name, *stray) for stray in found if (route.name, *stray) not in MADE_ANEW]
    assert strays == []
    assert taken > (10 if who == "manager" else 2), "The forms were only refused: nothing was tried."
    assert not User.objects.exclude(email="olive@example.com").filter(is_owner=True).exists()
