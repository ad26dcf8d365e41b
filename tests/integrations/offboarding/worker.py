"""A process that off-boards, and stands still at a point to be killed there. Run as `python -m`, commands on argv."""

from __future__ import annotations

import json
import re
import sys
import time
from datetime import timedelta
from typing import Any

import django


def main(action: str, asked: dict[str, Any]) -> None:
    """Do one thing and print one JSON line about it."""
    django.setup()
    print(json.dumps(ACTIONS[action](**asked)), flush=True)


def make(planted: dict[str, str]) -> dict[str, Any]:
    """Make an installation with Acme, whose rows hold what was planted, and Beta; begin to end Acme's access."""
    from django.core.management import call_command
    from django.db import connections

    from integrations import offboarding
    from integrations.models import Call
    from secrets_vault import keys, vault
    from secrets_vault.actor import Actor
    from secrets_vault.models import KeyTerm
    from secrets_vault.secret import Secret
    from tests.factories import make_client, make_user
    from tests.integrations.offboarding.conftest import NOW, furnish

    for alias in connections:
        call_command("migrate", database=alias, verbosity=0)
    keys.initialise()
    ada = make_user("Ada", is_owner=True)
    acme = furnish(make_client("acme", name="Acme Ltd", notes=planted["notes"]), ada)
    furnish(make_client("beta", name="Beta"), ada)
    about = {"actor": Actor.of(ada), "client": acme, "environment": acme.environments.first()}
    value = {"note": Secret(planted["value"])}
    vault.store(kind="note", label="Safe", where_used=planted["where used"], fields=value, **about)
    Call.objects.filter(client_id=acme.pk).update(path=planted["path"], response_body=planted["body"])
    made = offboarding.begin(acme, actor=Actor.of(ada), now=NOW)
    offboarding.start_revoking(made, actor=Actor.of(ada), now=NOW)
    wrapped = KeyTerm.objects.filter(client__slug="acme").values_list("wrapped_key", flat=True)
    return {"wrapped": [bytes(key).hex() for key in wrapped]}


def ask() -> dict[str, Any]:
    """Go on until every access was ended, then ask for the destruction, at once. NotNow unless that is so."""
    from integrations import offboarding, timetable
    from integrations.models import Offboarding
    from secrets_vault.actor import COMMAND
    from tests.integrations.offboarding.conftest import NOW

    timetable.end_clients(NOW)
    made = Offboarding.objects.get()
    offboarding.ask_to_shred(made, typed_name="Acme Ltd", is_at_once=True, actor=COMMAND, now=NOW)
    return {}


def go_on(dies_after: str, nth: int) -> dict[str, Any]:
    """Do what the sweep does. Stand still once the nth statement that fits `dies_after` was carried out."""
    from django.db import connections

    from integrations import timetable
    from tests.integrations.offboarding.conftest import NOW

    wanted, count = re.compile(dies_after), 0

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal count
        result = execute(sql, params, many, context)
        if wanted.match(sql):
            count += 1
        if count == nth:
            print("here", flush=True)
            time.sleep(60)
        return result

    for alias in connections:
        connections[alias].execute_wrappers.append(watch)
    timetable.end_clients(NOW + timedelta(minutes=1))
    return {}


def finish() -> dict[str, Any]:
    """Go on as the sweep does, twice, and say where everything stands."""
    from integrations import timetable
    from integrations.models import Message, Offboarding
    from integrations.offboarding import removing
    from secrets_vault import audit, certificates, row_checks, shredding
    from secrets_vault.models import AuditEvent, Client, StoredSecret
    from tests.integrations.offboarding.conftest import NOW

    for _ in range(2):
        timetable.end_clients(NOW + timedelta(minutes=2))
    acme, made = Client.objects.get(slug="acme"), Offboarding.objects.get()
    actions = list(AuditEvent.objects.values_list("action", flat=True))
    once = ("token.revoked", "offboarding.revoked", "client.shredded", "offboarding.done")
    return {
        "stage": made.stage,
        "is_signed": bool(made.signature) and certificates.is_ours(made.certificate, made.signature),
        "outcomes": sorted(made.items.values_list("kind", "outcome")),
        "opens": shredding.what_still_opens(acme),
        "left": removing.what_is_left(acme),
        "times": {action: actions.count(action) for action in once},
        "mails": Message.objects.filter(kind="offboarding_done").count(),
        "of_beta": StoredSecret.objects.filter(client__slug="beta").count(),
        "is_whole": audit.verify().ok and row_checks.check_rows().ok,
    }


ACTIONS = {"make": make, "ask": ask, "go_on": go_on, "finish": finish}

if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
