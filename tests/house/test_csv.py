"""Every list that leaves as CSV: a spreadsheet runs nothing that anybody has typed (CWE-1236)."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models, transaction
from django.utils import timezone

from integrations.models import Offboarding
from integrations.offboarding import archive
from secrets_vault import audit
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.models import AuditEvent, StoredSecret
from tests.house.source import modules
from tests.house.world import make_world

pytestmark = [pytest.mark.django_db, pytest.mark.matrix]
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝")
PAGES = ("/connections/", "/rotations/", "/calls/", "/errors/", "/webhooks/", "/webhooks/acme-stripe/", "/links/",
         "/limits/", "/usage/", "/waiting/")  # fmt: skip
COMMANDS = ("calls", "audit", "secrets")
NOT_TYPED = (  # our own words, or what a row is found by
    *("provider_key", "time_zone", "language", "kind", "slug", "key", "ref", "prefix", "object_id", "actor_id"),
    *("person_ref", "about", "action", "app_label", "model", "codename", "password", "outcome", "state", "host"),
)


def typed_fields(model: type[models.Model]) -> list[models.Field]:
    """Return the columns of a model that hold what somebody wrote."""
    return [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, models.CharField | models.TextField)
        and not (field.choices or field.unique or field.primary_key or field.name in NOT_TYPED)
    ]


def write_everywhere(text: str) -> None:
    """Put a text into every column of every row that somebody may write to."""
    for model in apps.get_models():
        if model.__module__.split(".")[0] in ("secrets_vault", "integrations") and model is not AuditEvent:
            fields = {field.name: text[: field.max_length or 1000] for field in typed_fields(model)}
            if fields:
                model.objects.update(**fields)
    with transaction.atomic():
        audit.record("secret.stored", actor=Actor("user", "1", text, text), label=text, details={text: text})


def cells(text: str) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]


@pytest.fixture
def world(db):
    return make_world()


def exports(world) -> dict[str, str]:
    """Return every CSV the product makes, by where it comes from."""
    browser = world.browser_of("owner")
    answers = {path: browser.get(path, {"format": "csv"}) for path in PAGES}
    slug = world.acme.of["connection"].slug
    answers["a connection's use"] = browser.get(f"/limits/{slug}/", {"format": "csv"})
    answers |= {path: browser.post(path) for path in ("/audit/export/", "/vault/handovers/export/")}
    answers["evidence"] = browser.get(f"/rotations/{world.acme.of['rotation'].pk}/evidence/", {"format": "csv"})
    found = {}
    for path, answer in answers.items():
        assert answer.headers["Content-Type"].startswith("text/csv"), path
        found[path] = b"".join(answer.streaming_content).decode()
    for what in COMMANDS:
        out = io.StringIO(newline="")
        call_command("export", what, format="csv", stdout=out)
        found[f"export {what}"] = out.getvalue()
    leaving = Offboarding.objects.get(client=world.acme.client)
    packed = archive.write(leaving, passphrase=None, actor=SYSTEM, now=timezone.now())
    with zipfile.ZipFile(packed) as parts:
        found |= {name: parts.read(name).decode() for name in parts.namelist() if name.endswith(".csv")}
    return found


@pytest.mark.parametrize("start", STARTS, ids=repr)
def test_no_cell_of_any_export_begins_as_a_formula_does(world, start):
    write_everywhere(f"{start}cmd|' /C calc'!A0")
    for where, text in exports(world).items():
        found = cells(text)
        assert [cell for cell in found if cell.startswith(STARTS)] == [], where
        is_shown = any("cmd|' /C calc'!A0" in cell for cell in found)
        assert is_shown or where == "evidence", f"{where} shows nothing that was typed"


def test_the_list_of_exports_above_is_whole():
    makers = {m.name for m in modules() if any(m.calls("csv_response")) or any(m.calls("csv_lines"))}
    assert makers == {
        "dashboard/pages/audit.py",
        "dashboard/pages/calls/export.py",
        "dashboard/pages/connecting/list.py",
        "dashboard/pages/errors/groups.py",
        "dashboard/pages/handovers/list.py",
        "dashboard/pages/limits/clients.py",
        "dashboard/pages/limits/list.py",
        "dashboard/pages/limits/one.py",
        "dashboard/pages/requests/list.py",
        "dashboard/pages/rotating/evidence.py",
        "dashboard/pages/rotations.py",
        "dashboard/pages/waiting/list.py",
        "dashboard/pages/webhooks/event_list.py",
        "dashboard/pages/webhooks/list.py",
        "integrations/management/commands/export.py",
        "integrations/offboarding/archive.py",
    }, "A new export: ask it in this file as well."
    assert StoredSecret._meta.get_field("label") in typed_fields(StoredSecret)
